//! The directory: where everything stands in it, and what stands there.
//!
//! Below the base there is a branch for each service, with the people who may use it (`uid=ID,ou=SERVICE`), one for the groups
//! (`cn=GROUP,ou=groups`), and one for the services' own accounts (`cn=SERVICE,ou=services`). A service sees its own branch alone.

use domain::{AccountId, AccountName, GroupName};
use store::{Conn, DbError, accounts, groups};

use super::{
    PAGED_RESULTS, START_TLS, WHO_AM_I,
    dn::Dn,
    entry::{Entry, attribute_types},
};
use crate::{app::App, follow::Service, problem::Problem};

/// The branch of groups. No service has this name.
pub const GROUPS: &str = "groups";
/// The branch of services. No service has this name.
pub const SERVICES: &str = "services";

/// The directory of this server.
pub struct Directory<'a> {
    app: &'a App,
    /// What all entries but the root's stand below.
    pub base: &'a Dn,
}

/// Where a name stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// The root DSE.
    Root,
    /// The schema.
    Schema,
    /// The base.
    Base,
    /// The branch of groups.
    Groups,
    /// A group.
    Group(String),
    /// The branch of services.
    Services,
    /// A service's own account.
    Service(String),
    /// A service's branch.
    People(String),
    /// Somebody in a service's branch: the service, and the name as it was sent.
    Person(String, String),
    /// Nothing stands there.
    Nowhere,
}

impl<'a> Directory<'a> {
    /// The directory below this base.
    pub const fn new(app: &'a App, base: &'a Dn) -> Self {
        Self { app, base }
    }

    /// Its base as it is configured.
    pub fn base(app: &App) -> Dn {
        // The configuration has looked at it.
        Dn::parse(&app.config.ldap.base_dn).unwrap_or(Dn::root())
    }

    /// Where this name stands.
    pub fn place(&self, dn: &Dn) -> Place {
        if dn.is_root() {
            return Place::Root;
        }
        if *dn == schema() {
            return Place::Schema;
        }
        let parts: Option<Vec<_>> = dn
            .before(self.base)
            .map(|before| before.iter().map(|part| (part.attribute.as_str(), part.value.as_str())).collect());
        let lower = str::to_lowercase;
        match parts.as_deref() {
            Some([]) => Place::Base,
            Some([("ou", branch)]) => match lower(branch).as_str() {
                GROUPS => Place::Groups,
                SERVICES => Place::Services,
                service => Place::People(service.into()),
            },
            Some([("cn", group), ("ou", branch)]) if lower(branch) == GROUPS => Place::Group(lower(group)),
            Some([("cn", name), ("ou", branch)]) if lower(branch) == SERVICES => Place::Service(lower(name)),
            Some([("uid" | "cn" | "mail", id), ("ou", service)]) => {
                Place::Person(lower(service), (*id).into())
            }
            _ => Place::Nowhere,
        }
    }

    /// The root DSE (RFC 4512, 5.1): what this server is and can do.
    pub fn root(&self, tls: bool) -> Entry {
        let extensions = [WHO_AM_I].into_iter().chain(tls.then_some(START_TLS));
        Entry::new(Dn::root())
            .with("objectClass", ["top"])
            .with("namingContexts", [self.base.to_string()])
            .with("supportedLDAPVersion", ["3"])
            .with("supportedControl", [PAGED_RESULTS])
            .with("supportedExtension", extensions)
            .with("subschemaSubentry", ["cn=subschema"])
            .with("vendorName", ["Doorkey"])
    }

    /// The schema (RFC 4512, 4.2), as little of it as products look for.
    pub fn schema(&self) -> Entry {
        let class = |oid: &str, name: &str, must: &str| {
            format!("( {oid} NAME '{name}' SUP top STRUCTURAL MUST ( {must} ) )")
        };
        Entry::new(schema())
            .with("objectClass", ["top", "subentry", "subschema"])
            .with("cn", ["subschema"])
            .with(
                "objectClasses",
                [
                    class("2.16.840.1.113730.3.2.2", "inetOrgPerson", "sn $ cn"),
                    class("2.5.6.9", "groupOfNames", "member $ cn"),
                ],
            )
            .with("attributeTypes", attribute_types())
    }

    /// The base.
    pub fn base_entry(&self) -> Entry {
        let entry = Entry::new(self.base.clone());
        let Some(first) = self.base.first() else { return entry };
        let value = [first.value.clone()];
        match first.attribute.as_str() {
            "dc" => entry
                .with("objectClass", ["top", "domain", "dcObject"])
                .with("structuralObjectClass", ["domain"])
                .with("dc", value),
            "o" => entry.with("objectClass", ["top", "organization"]).with("o", value),
            _ => entry.with("objectClass", ["top", "organizationalUnit"]).with("ou", value),
        }
        .with("hasSubordinates", ["TRUE"])
    }

    /// A branch.
    pub fn branch(&self, name: &str) -> Entry {
        Entry::new(self.base.below("ou", name))
            .with("objectClass", ["top", "organizationalUnit"])
            .with("structuralObjectClass", ["organizationalUnit"])
            .with("ou", [name])
            .with("hasSubordinates", ["TRUE"])
    }

    /// A service's own account.
    pub fn service(&self, service: &Service) -> Entry {
        Entry::new(self.service_dn(service))
            .with("objectClass", ["top", "applicationProcess"])
            .with("cn", [service.name.as_str()])
            .with("description", [format!("The service {}", service.name)])
    }

    /// The name of a service's own account.
    pub fn service_dn(&self, service: &Service) -> Dn {
        self.base.below("ou", SERVICES).below("cn", service.name.as_str())
    }

    /// The name of somebody in a service's branch.
    pub fn person_dn(&self, service: &Service, name: &AccountName) -> Dn {
        self.base.below("ou", service.name.as_str()).below("uid", name.as_str())
    }

    fn group_dn(&self, group: &GroupName) -> Dn {
        self.base.below("ou", GROUPS).below("cn", group.as_str())
    }

    /// Whoever is known by this name and is to be seen by the service: an account that may be used, and may use it. Whether there is an
    /// app-specific password for it says nothing, so that a revoke never makes a product delete its user.
    pub fn visible(&self, service: &Service, name: &str) -> Option<index::Known> {
        let name = AccountName::parse(name, self.app.default_domain()).ok()?;
        let known = self.app.index().account(name.as_str())?;
        (known.active && service.allowed.admits(&known.groups)).then_some(known)
    }

    /// The account of this id, if it is to be seen by the service.
    pub fn visible_by_id(&self, service: &Service, id: AccountId) -> Option<index::Known> {
        let known = self.app.index().account_by_id(id)?;
        (known.active && service.allowed.admits(&known.groups)).then_some(known)
    }

    /// Reads from the database.
    ///
    /// # Errors
    /// As it has them.
    pub fn read<R>(&self, work: impl FnOnce(&mut Conn) -> Result<R, DbError>) -> Result<R, Problem> {
        Ok(self.app.store.read(work)?)
    }

    /// Somebody in a service's branch; with the groups that they are in, if that is asked for.
    ///
    /// # Errors
    /// As the database has them, where groups are asked for.
    pub fn person(
        &self,
        service: &Service,
        account: &index::Account,
        with_groups: bool,
    ) -> Result<Entry, Problem> {
        let (id, name) = (account.name.as_str(), account.display_name.as_str());
        let short = id
            .split_once('@')
            .filter(|(_, domain)| *domain == self.app.default_domain())
            .map(|(local, _)| local);
        let (given, family) = name.rsplit_once(' ').unwrap_or(("", name));
        let aliases = account.aliases.iter().map(AccountName::as_str);
        let groups = match with_groups {
            true => self.read(|conn| groups::of_account(conn, account.id))?,
            false => Vec::new(),
        };
        Ok(Entry::new(self.person_dn(service, &account.name))
            .with("objectClass", ["top", "person", "organizationalPerson", "inetOrgPerson"])
            .with("structuralObjectClass", ["inetOrgPerson"])
            .with("uid", [id].into_iter().chain(short))
            .with("mail", [id].into_iter().chain(aliases))
            .with("cn", [name])
            .with("sn", [family])
            .with("givenName", [given])
            .with("displayName", [name])
            .with("memberOf", groups.iter().map(|group| self.group_dn(&group.name).to_string()))
            .with("entryUUID", [uuid(account.id.to_bytes())])
            .with("hasSubordinates", ["FALSE"])
            .with("subschemaSubentry", ["cn=subschema"]))
    }

    /// A group, with those of its members who are to be seen by the service; `alone` is the only one whom the asker may see.
    ///
    /// # Errors
    /// As the database has them.
    pub fn group(
        &self,
        service: &Service,
        group: &groups::Group,
        with_members: bool,
        alone: Option<AccountId>,
    ) -> Result<Entry, Problem> {
        let ids = match with_members {
            true => self.read(|conn| groups::member_ids(conn, group.id))?,
            false => Vec::new(),
        };
        let members: Vec<_> = ids
            .into_iter()
            .filter(|id| alone.is_none_or(|alone| alone == *id))
            .filter_map(|id| self.app.index().account_by_id(id))
            .filter(|known| known.active && service.allowed.admits(&known.groups))
            .collect();
        let names = || members.iter().map(|known| self.person_dn(service, &known.name).to_string());
        Ok(Entry::new(self.group_dn(&group.name))
            .with("objectClass", ["top", "groupOfNames", "groupOfUniqueNames", "posixGroup"])
            .with("structuralObjectClass", ["groupOfNames"])
            .with("cn", [group.name.as_str()])
            .with("member", names())
            .with("uniqueMember", names())
            .with("memberUid", members.iter().map(|known| known.name.as_str()))
            .with("entryUUID", [uuid(group.id.to_bytes())])
            .with("hasSubordinates", ["FALSE"]))
    }

    /// What stands at this name, if it is to be seen: for a comparison.
    ///
    /// # Errors
    /// As the database has them.
    pub fn entry(
        &self,
        service: &Service,
        dn: &Dn,
        alone: Option<AccountId>,
    ) -> Result<Option<Entry>, Problem> {
        let own = service.name.as_str();
        Ok(match self.place(dn) {
            Place::Base => Some(self.base_entry()),
            Place::Groups => Some(self.branch(GROUPS)),
            Place::Services => Some(self.branch(SERVICES)),
            Place::People(name) if name == own => Some(self.branch(own)),
            Place::Service(name) if name == own => Some(self.service(service)),
            Place::Person(name, id) if name == own => {
                let known =
                    self.visible(service, &id).filter(|known| alone.is_none_or(|alone| alone == known.id));
                known.map(|known| self.person(service, &known, true)).transpose()?
            }
            Place::Group(name) => {
                // Who is bound as themselves sees the groups that they are in, and no other.
                let group = match (alone, GroupName::parse(&name)) {
                    (Some(account), _) => {
                        let own = self.read(|conn| groups::of_account(conn, account))?;
                        own.into_iter().find(|group| group.name.as_str() == name)
                    }
                    (None, Ok(name)) => self.read(|conn| groups::by_name(conn, &name))?,
                    (None, Err(_)) => None,
                };
                group.map(|group| self.group(service, &group, true, alone)).transpose()?
            }
            _ => None,
        })
    }

    /// At most `limit` IDs, in their order, those after `after`.
    ///
    /// # Errors
    /// As the database has them.
    pub async fn ids(&self, after: String, limit: i64) -> Result<Vec<AccountName>, Problem> {
        self.app.store.scan(move |conn| Ok::<_, Problem>(accounts::names_after(conn, &after, limit)?)).await
    }
}

/// Where the schema stands.
fn schema() -> Dn {
    Dn::root().below("cn", "subschema")
}

/// An id as directories write it (RFC 4530).
fn uuid(bytes: [u8; 16]) -> String {
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
