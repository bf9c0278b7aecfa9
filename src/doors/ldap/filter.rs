//! Search filters (RFC 4511, 4.5.1.7; RFC 4515): whether an entry fits, and which IDs a filter asks for by name.

use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion, LdapSubstringFilter};

use super::{
    dn::{Dn, folded},
    entry::{Entry, Syntax, attribute},
};

/// Active Directory's rule for "in this group or one inside it". Groups here aren't inside one another.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Whether the entry fits. `None` is "undefined": the filter asks for something that this directory can't compare, which fits no
/// more when it is negated.
pub fn fits(filter: &LdapFilter, entry: &Entry) -> Option<bool> {
    match filter {
        LdapFilter::And(all) => all.iter().try_fold_three(true, |filter| fits(filter, entry)),
        LdapFilter::Or(any) => any.iter().try_fold_three(false, |filter| fits(filter, entry)),
        LdapFilter::Not(filter) => fits(filter, entry).map(|fits| !fits),
        LdapFilter::Present(name) => {
            Some(attribute(name).is_some_and(|known| entry.values(known.name).next().is_some()))
        }
        LdapFilter::Equality(name, value) | LdapFilter::Approx(name, value) => {
            compare(name, entry, |syntax, held| equal(syntax, held, value))
        }
        LdapFilter::GreaterOrEqual(name, value) => {
            compare(name, entry, |_, held| folded(held) >= folded(value))
        }
        LdapFilter::LessOrEqual(name, value) => compare(name, entry, |_, held| folded(held) <= folded(value)),
        LdapFilter::Substring(name, parts) => compare(name, entry, |_, held| has_parts(&folded(held), parts)),
        LdapFilter::Extensible(asserted) => extensible(asserted, entry),
    }
}

/// What `And` and `Or` come to in three values: one that decides, else undefined if any is, else `empty`.
trait ThreeValued: Iterator + Sized {
    fn try_fold_three(self, empty: bool, value: impl Fn(Self::Item) -> Option<bool>) -> Option<bool> {
        let mut all = Some(empty);
        for item in self {
            match value(item) {
                Some(decides) if decides != empty => return Some(decides),
                Some(_) => {}
                None => all = None,
            }
        }
        all
    }
}

impl<I: Iterator> ThreeValued for I {}

fn compare(name: &str, entry: &Entry, fits: impl Fn(Syntax, &str) -> bool) -> Option<bool> {
    let known = attribute(name)?;
    Some(entry.values(known.name).any(|held| fits(known.syntax, held)))
}

/// Whether two values of an attribute are the same to a directory.
pub fn equal(syntax: Syntax, held: &str, value: &str) -> bool {
    match syntax {
        Syntax::Text => folded(held) == folded(value),
        Syntax::Name => match (Dn::parse(held), Dn::parse(value)) {
            (Some(held), Some(value)) => held == value,
            _ => false,
        },
    }
}

/// Whether the parts stand in the value one after another, the first at its beginning and the last at its end.
fn has_parts(held: &str, parts: &LdapSubstringFilter) -> bool {
    let part = |text: &str| text.to_lowercase();
    let Some(mut rest) = held.strip_prefix(&part(parts.initial.as_deref().unwrap_or_default())) else {
        return false;
    };
    for any in &parts.any {
        let any = part(any);
        match rest.find(&any).and_then(|at| rest.get(at + any.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(&part(parts.final_.as_deref().unwrap_or_default()))
}

fn extensible(asserted: &LdapMatchingRuleAssertion, entry: &Entry) -> Option<bool> {
    match asserted.matching_rule.as_deref() {
        None | Some("caseIgnoreMatch" | "2.5.13.2" | "distinguishedNameMatch" | "2.5.13.1") => {}
        Some(IN_CHAIN) => {}
        Some(_) => return None,
    }
    compare(asserted.type_.as_deref()?, entry, |syntax, held| equal(syntax, held, &asserted.match_value))
}

/// How many parts there are to be compared.
pub fn parts(filter: &LdapFilter) -> usize {
    match filter {
        LdapFilter::And(all) | LdapFilter::Or(all) => all.iter().map(parts).sum::<usize>() + 1,
        LdapFilter::Not(part) => parts(part) + 1,
        LdapFilter::Substring(_, substring) => substring.any.len() + 1,
        _ => 1,
    }
}

/// The IDs of the only people who can fit, where the filter names them: a product that looks somebody up does, and needs no look at
/// everybody. `None` where anybody may.
pub fn names(filter: &LdapFilter) -> Option<Vec<&str>> {
    match filter {
        LdapFilter::Equality(name, value) if attribute(name).is_some_and(|known| known.is_id) => {
            Some(vec![value.as_str()])
        }
        LdapFilter::And(all) => all.iter().filter_map(names).min_by_key(Vec::len),
        LdapFilter::Or(any) if !any.is_empty() => {
            let named = any.iter().map(names).collect::<Option<Vec<_>>>()?;
            Some(named.concat())
        }
        _ => None,
    }
}

/// Whether the filter looks at this attribute.
pub fn asks_for(filter: &LdapFilter, name: &'static str) -> bool {
    let is = |asked: &str| attribute(asked).is_some_and(|known| known.name == name);
    match filter {
        LdapFilter::And(parts) | LdapFilter::Or(parts) => parts.iter().any(|part| asks_for(part, name)),
        LdapFilter::Not(part) => asks_for(part, name),
        LdapFilter::Equality(asked, _)
        | LdapFilter::Substring(asked, _)
        | LdapFilter::GreaterOrEqual(asked, _)
        | LdapFilter::LessOrEqual(asked, _)
        | LdapFilter::Present(asked)
        | LdapFilter::Approx(asked, _) => is(asked),
        LdapFilter::Extensible(asserted) => asserted.type_.as_deref().is_some_and(is),
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;

    fn ada() -> Entry {
        Entry::new(Dn::parse("uid=ada@example.org,ou=mail,dc=doorkey").unwrap())
            .with("objectClass", ["top", "person", "inetOrgPerson"])
            .with("uid", ["ada@example.org", "ada"])
            .with("mail", ["ada@example.org", "countess@example.org"])
            .with("cn", ["Ada Lovelace"])
            .with("memberOf", ["cn=family,ou=groups,dc=doorkey"])
    }

    fn asked(filter: &str) -> Option<bool> {
        fits(&parse_ldap_filter_str(filter).unwrap(), &ada())
    }

    #[test]
    fn what_products_ask_for_fits() {
        for filter in [
            "(uid=ada)",
            "(UserID=ADA@example.org)",
            "(&(objectClass=person)(|(uid=ada@example.org)(mail=ada@example.org)))",
            "(&(|(objectclass=inetOrgPerson))(uid=ada))",
            "(objectClass=*)",
            "(mail=count*@*.org)",
            "(cn=*love*)",
            r#"(cn~="ada  lovelace")"#,
            "(!(uid=grace))",
            r#"(memberOf="CN=Family, ou=groups,dc=doorkey")"#,
            r#"(memberOf:1.2.840.113556.1.4.1941:="cn=family,ou=groups,dc=doorkey")"#,
            "(uid>=a)",
            "(uid<=b)",
        ] {
            assert_eq!(asked(filter), Some(true), "{filter}");
        }
    }

    #[test]
    fn what_does_not_fit_does_not() {
        for filter in [
            "(uid=grace)",
            "(uid=a)",
            "(mail=*.com)",
            "(&(uid=ada)(cn=Grace))",
            "(sn=*)",
            r#"(memberOf="cn=other,dc=x")"#,
        ] {
            assert_eq!(asked(filter), Some(false), "{filter}");
        }
        // RFC 4526: of nothing, all is true and none is.
        assert_eq!(fits(&LdapFilter::And(Vec::new()), &ada()), Some(true));
        assert_eq!(fits(&LdapFilter::Or(Vec::new()), &ada()), Some(false));
    }

    #[test]
    fn what_is_unknown_fits_neither_way() {
        for filter in [
            "(shoeSize=42)",
            "(!(shoeSize=42))",
            r#"(cn:1.2.3:="Ada Lovelace")"#,
            "(&(uid=ada)(shoeSize=42))",
        ] {
            assert_eq!(asked(filter), None, "{filter}");
        }
        assert_eq!(asked("(|(uid=ada)(shoeSize=42))"), Some(true));
        assert_eq!(asked("(&(uid=grace)(shoeSize=42))"), Some(false));
        assert_eq!(asked("(shoeSize=*)"), Some(false));
    }

    #[test]
    fn a_filter_that_names_people_is_answered_without_looking_at_everybody() {
        let named = |filter: &str| {
            let filter = parse_ldap_filter_str(filter).unwrap();
            names(&filter).map(|names| names.join(" "))
        };
        assert_eq!(named("(&(objectClass=person)(|(uid=ada)(mail=ada)))").as_deref(), Some("ada ada"));
        assert_eq!(named("(uid=ada)").as_deref(), Some("ada"));
        for everybody in ["(|(uid=ada)(cn=Ada))", "(objectClass=*)", "(!(uid=ada))", "(uid=a*)"] {
            assert_eq!(named(everybody), None, "{everybody}");
        }
        assert_eq!(names(&LdapFilter::Or(Vec::new())), None);
    }
}
