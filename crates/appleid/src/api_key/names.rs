//! What Apple calls keys, and whose they are.

/// A key's ID as a person types it: letters and digits, ten of them at Apple. None when it can't be one.
#[must_use]
pub fn key_id(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let fits = (4..=20).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| typed.to_ascii_uppercase())
}

/// The key's ID in the name of the file that it was downloaded as: `AuthKey_2X9R4HXF34.p8`, and what browsers make of it when there is one
/// already (`AuthKey_2X9R4HXF34 (1).p8`).
#[must_use]
pub fn key_id_in_file_name(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let after = |begin: &str| {
        let (head, rest) = name.split_at_checked(begin.len())?;
        head.eq_ignore_ascii_case(begin).then_some(rest)
    };
    // The second is what individual keys are downloaded as.
    let rest = after("AuthKey_").or_else(|| after("ApiKey_"))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    key_id(rest.get(..end)?)
}

/// An issuer's ID as a person types it: a UUID, in lower case. None when it can't be one.
#[must_use]
pub fn issuer_id(typed: &str) -> Option<String> {
    let typed = typed.trim().to_ascii_lowercase();
    let parts: Vec<_> = typed.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    let fits = lengths == [8, 4, 4, 4, 12]
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    fits.then_some(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_id_in_the_name_of_its_file() {
        let id = |name: &str| key_id_in_file_name(name);
        for name in [
            "AuthKey_2X9R4HXF34.p8",
            "authkey_2x9r4hxf34.P8",
            "AuthKey_2X9R4HXF34 (1).p8",
            "AuthKey_2X9R4HXF34",
            "ApiKey_2X9R4HXF34.p8",
            "C:\\Users\\ada\\AuthKey_2X9R4HXF34.p8",
            "/home/ada/AuthKey_2X9R4HXF34.p8.txt",
        ] {
            assert_eq!(id(name).as_deref(), Some("2X9R4HXF34"), "{name}");
        }
        for name in
            ["", "key.p8", "AuthKey_.p8", "AuthKey_é.p8", "AuthKey", "2X9R4HXF34.p8", "éuthKey_AAAAAAAAAA"]
        {
            assert_eq!(id(name), None, "{name}");
        }
    }

    #[test]
    fn ids_are_read_as_people_type_them() {
        assert_eq!(key_id(" 2x9r4hxf34\n").as_deref(), Some("2X9R4HXF34"));
        for wrong in ["", "2X9", "2X9R4 HXF34", "2X9R4HXF34'", "é234567890", &"A".repeat(21)] {
            assert_eq!(key_id(wrong), None, "{wrong}");
        }
        let issuer = "57246542-96fe-1a63-e053-0824d011072a";
        assert_eq!(issuer_id(&format!(" {} ", issuer.to_uppercase())).as_deref(), Some(issuer));
        for wrong in
            ["", "2X9R4HXF34", "5724654296fe1a63e0530824d011072a", "57246542-96fe-1a63-e053-0824d011072g"]
        {
            assert_eq!(issuer_id(wrong), None, "{wrong}");
        }
    }
}
