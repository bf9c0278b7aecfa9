//! A new API key, as it is typed.

use appleid::{ApiKey, KeyName};

use crate::problem::Problem;

/// What a person gave.
#[derive(Default)]
pub struct Typed<'a> {
    /// The file, or what was pasted.
    pub key: &'a [u8],
    /// What the file is called; empty when the key was pasted.
    pub file_name: &'a str,
    /// The key's ID; empty when its file's name says it.
    pub key_id: &'a str,
    /// The issuer's ID; empty for an individual key.
    pub issuer_id: &'a str,
    /// Whether it is said to be an individual key.
    pub individual: bool,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    pub enterprise: bool,
}

/// A key that may be connected, if Apple takes it.
pub struct NewKey {
    /// The key itself.
    pub key: ApiKey,
    /// Apple's name for it.
    pub key_id: String,
    /// Whose keys they are, at Apple; none for an individual key.
    pub issuer_id: Option<String>,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    pub enterprise: bool,
}

impl NewKey {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at the field `key`, `key_id`, `issuer_id` or `individual`.
    pub fn parse(typed: &Typed<'_>) -> Result<Self, Problem> {
        let key = ApiKey::read(typed.key).map_err(|error| Problem::field("key", error.to_string()))?;
        let in_name = appleid::key_id_in_file_name(typed.file_name);
        let key_id = match (typed.key_id.trim(), in_name) {
            ("", Some(id)) => id,
            ("", None) => {
                return Err(Problem::field(
                    "key_id",
                    "Enter the key ID, such as 2X9R4HXF34. App Store Connect shows it beside the key's name, and it is in the name of the \
                     file that you downloaded.",
                ));
            }
            (typed, in_name) => {
                let id = appleid::key_id(typed).ok_or_else(|| {
                    Problem::field(
                        "key_id",
                        "That isn't a key ID: it is ten letters and digits, such as 2X9R4HXF34.",
                    )
                })?;
                if let Some(other) = in_name.filter(|other| *other != id) {
                    let detail = format!(
                        "The file is called after the key {other}, and this is another ID. Enter the right one, or nothing."
                    );
                    return Err(Problem::field("key_id", detail));
                }
                id
            }
        };
        let issuer_id = match (typed.issuer_id.trim(), typed.individual) {
            ("", true) => None,
            ("", false) => {
                return Err(Problem::field(
                    "issuer_id",
                    "Enter the issuer ID, which App Store Connect shows above the list of keys. If yours is an individual key, which \
                     has none, say so.",
                ));
            }
            (_, true) => {
                return Err(Problem::field(
                    "individual",
                    "An individual key has no issuer ID. Leave out the issuer ID, or don't say that it is an individual key.",
                ));
            }
            (typed, false) => Some(appleid::issuer_id(typed).ok_or_else(|| {
                Problem::field(
                    "issuer_id",
                    "That isn't an issuer ID: it looks like 57246542-96fe-1a63-e053-0824d011072a, and stands above the list of keys.",
                )
            })?),
        };
        Ok(Self { key, key_id, issuer_id, enterprise: typed.enterprise })
    }

    /// What Apple knows it by.
    pub fn name(&self) -> KeyName<'_> {
        KeyName { key_id: &self.key_id, issuer_id: self.issuer_id.as_deref(), enterprise: self.enterprise }
    }

    /// What it is called here: as the file that Apple hands it out in.
    pub fn called(&self) -> String {
        format!("AuthKey_{}", self.key_id)
    }
}
