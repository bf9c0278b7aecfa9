//! What stands in the directory, and which attributes it has.

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::dn::Dn;

/// How the values of an attribute are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// As text, whatever its letter case.
    Text,
    /// As distinguished names.
    Name,
}

/// An attribute that this directory knows.
#[derive(Debug)]
pub struct Attribute {
    /// Its name, as entries bear it.
    pub name: &'static str,
    /// Its other names, and its object identifier.
    others: &'static [&'static str],
    /// How it is compared.
    pub syntax: Syntax,
    /// Whether a person is known by it.
    pub is_id: bool,
    /// Whether it is given only to who asks for it by name, or for all such (`+`).
    operational: bool,
}

const fn text(name: &'static str, others: &'static [&'static str]) -> Attribute {
    Attribute { name, others, syntax: Syntax::Text, is_id: false, operational: false }
}

const fn names(name: &'static str, others: &'static [&'static str]) -> Attribute {
    Attribute { syntax: Syntax::Name, ..text(name, others) }
}

const fn id(name: &'static str, others: &'static [&'static str]) -> Attribute {
    Attribute { is_id: true, ..text(name, others) }
}

const fn operational(attribute: Attribute) -> Attribute {
    Attribute { operational: true, ..attribute }
}

/// Every attribute there is. RFC 4512, 4519, 2798, 4530; `memberOf` as others have it.
static ATTRIBUTES: &[Attribute] = &[
    text("objectClass", &["2.5.4.0"]),
    id("uid", &["userid", "0.9.2342.19200300.100.1.1"]),
    id("mail", &["rfc822mailbox", "0.9.2342.19200300.100.1.3"]),
    text("cn", &["commonname", "2.5.4.3"]),
    text("sn", &["surname", "2.5.4.4"]),
    text("givenName", &["gn", "2.5.4.42"]),
    text("displayName", &["2.16.840.1.113730.3.1.241"]),
    text("ou", &["organizationalunitname", "2.5.4.11"]),
    text("dc", &["domaincomponent", "0.9.2342.19200300.100.1.25"]),
    text("o", &["organizationname", "2.5.4.10"]),
    text("description", &["2.5.4.13"]),
    names("member", &["2.5.4.31"]),
    names("uniqueMember", &["2.5.4.50"]),
    text("memberUid", &["1.3.6.1.1.1.1.12"]),
    names("memberOf", &["1.2.840.113556.1.2.102"]),
    operational(text("entryUUID", &["1.3.6.1.1.16.4"])),
    operational(names("entryDN", &["1.3.6.1.1.20"])),
    operational(text("structuralObjectClass", &["2.5.21.9"])),
    operational(text("hasSubordinates", &["2.5.18.9"])),
    operational(names("subschemaSubentry", &["2.5.18.10"])),
    operational(names("namingContexts", &["1.3.6.1.4.1.1466.101.120.5"])),
    operational(text("supportedLDAPVersion", &["1.3.6.1.4.1.1466.101.120.15"])),
    operational(text("supportedControl", &["1.3.6.1.4.1.1466.101.120.13"])),
    operational(text("supportedExtension", &["1.3.6.1.4.1.1466.101.120.7"])),
    operational(text("vendorName", &["1.3.6.1.1.4"])),
    operational(text("objectClasses", &["2.5.21.6"])),
    operational(text("attributeTypes", &["2.5.21.5"])),
];

/// The attribute of this name, in any letter case, with or without options behind a semicolon.
pub fn attribute(name: &str) -> Option<&'static Attribute> {
    let name = name.split(';').next().unwrap_or_default();
    ATTRIBUTES.iter().find(|known| {
        known.name.eq_ignore_ascii_case(name)
            || known.others.iter().any(|other| other.eq_ignore_ascii_case(name))
    })
}

/// The schema's lines for the attributes (RFC 4512, 4.1.2).
pub fn attribute_types() -> impl Iterator<Item = String> {
    ATTRIBUTES.iter().filter_map(|known| {
        let oid = known.others.last()?;
        let syntax = match known.syntax {
            Syntax::Text => "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15",
            Syntax::Name => "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12",
        };
        let usage = if known.operational { " NO-USER-MODIFICATION USAGE directoryOperation" } else { "" };
        Some(format!("( {oid} NAME '{}' {syntax}{usage} )", known.name))
    })
}

/// Something in the directory.
#[derive(Clone, Debug)]
pub struct Entry {
    dn: Dn,
    attributes: Vec<(&'static str, Vec<String>)>,
}

impl Entry {
    /// An entry with nothing but its name.
    pub fn new(dn: Dn) -> Self {
        let named = dn.to_string();
        Self { dn, attributes: Vec::new() }.with("entryDN", [named])
    }

    /// The same with this attribute, unless there are no values.
    #[must_use]
    pub fn with<V: Into<String>>(mut self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<String> =
            values.into_iter().map(Into::into).filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            self.attributes.push((name, values));
        }
        self
    }

    /// The values of the attribute.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.attributes.iter().find(|(held, _)| *held == name);
        found.into_iter().flat_map(|(_, values)| values).map(String::as_str)
    }

    /// The entry as it is sent to who asked for these attributes.
    pub fn shown(self, wanted: &Wanted, types_only: bool) -> LdapSearchResultEntry {
        let attributes =
            self.attributes.into_iter().filter(|(name, _)| wanted.has(name)).map(|(name, values)| {
                let vals = if types_only {
                    Vec::new()
                } else {
                    values.into_iter().map(String::into_bytes).collect()
                };
                LdapPartialAttribute { atype: name.to_owned(), vals }
            });
        LdapSearchResultEntry { dn: self.dn.to_string(), attributes: attributes.collect() }
    }
}

/// Which attributes a search asks for (RFC 4511, 4.5.1.8; RFC 3673).
#[derive(Debug, Default)]
pub struct Wanted {
    user: bool,
    operational: bool,
    named: Vec<&'static str>,
}

impl Wanted {
    /// Reads the list. Those that aren't known are passed over; `1.1` alone is none.
    pub fn read(asked: &[String]) -> Self {
        let mut wanted = Self { user: asked.is_empty(), ..Self::default() };
        for name in asked {
            match name.as_str() {
                "*" => wanted.user = true,
                "+" => wanted.operational = true,
                name => wanted.named.extend(attribute(name).map(|known| known.name)),
            }
        }
        wanted
    }

    /// Every attribute.
    pub const fn all() -> Self {
        Self { user: true, operational: true, named: Vec::new() }
    }

    /// Whether the attribute is among them.
    pub fn has(&self, name: &str) -> bool {
        let operational = attribute(name).is_some_and(|known| known.operational);
        self.named.contains(&name) || if operational { self.operational } else { self.user }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_gets_what_they_ask_for() {
        let entry = || {
            Entry::new(Dn::parse("uid=ada,dc=doorkey").unwrap())
                .with("cn", ["Ada"])
                .with("entryUUID", ["1"])
                .with("sn", [""])
        };
        let shown = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|name| (*name).to_owned()).collect();
            let shown = entry().shown(&Wanted::read(&asked), false);
            shown.attributes.iter().map(|a| a.atype.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(&[]), "cn");
        assert_eq!(shown(&["*"]), "cn");
        assert_eq!(shown(&["+"]), "entryDN entryUUID");
        assert_eq!(shown(&["*", "+"]), "entryDN cn entryUUID");
        assert_eq!(shown(&["1.1"]), "");
        assert_eq!(shown(&["CommonName", "EntryUuid", "userPassword"]), "cn entryUUID");
        let types = entry().shown(&Wanted::read(&[]), true);
        assert!(types.attributes.iter().all(|attribute| attribute.vals.is_empty()));
    }

    #[test]
    fn no_attribute_is_known_by_anothers_name() {
        let all: Vec<_> =
            ATTRIBUTES.iter().flat_map(|a| [a.name].into_iter().chain(a.others.iter().copied())).collect();
        for name in &all {
            assert_eq!(all.iter().filter(|other| other.eq_ignore_ascii_case(name)).count(), 1, "{name}");
        }
    }
}
