//! Searching (RFC 4511, 4.5), in pages if it is asked for (RFC 2696).

use std::{collections::BTreeSet, sync::Arc};

use domain::AccountName;
use ldap3_proto::proto::{
    LdapResultCode as Code, LdapSearchRequest, LdapSearchResultEntry, LdapSearchScope as Scope,
};
use store::groups::{self, Group};

use super::{
    Who,
    directory::{Directory, GROUPS, Place, SERVICES},
    dn::Dn,
    entry::{Entry, Wanted},
    filter,
};
use crate::{follow::Service, problem::Problem};

/// The most entries of one answer, as with other directories. Who wants more asks for pages.
pub const MOST_ENTRIES: usize = 1000;
/// The most parts of a filter.
const MOST_PARTS: usize = 256;
/// How many people are looked at before others get their turn.
const AT_ONCE: i64 = 500;

/// What a search came to.
pub struct Answer {
    /// What was found.
    pub entries: Vec<LdapSearchResultEntry>,
    /// How it ended.
    pub code: Code,
    /// What there is to say about it.
    pub message: &'static str,
    /// Where the next page begins; empty when there is none.
    pub cookie: Vec<u8>,
}

/// Why a search ends before its end.
enum Stop {
    /// There is room for no more. The next page begins after this.
    Full(Mark),
    /// The database can't be asked.
    Unavailable,
}

impl From<Problem> for Stop {
    fn from(_: Problem) -> Self {
        Self::Unavailable
    }
}

/// What a page came to last: so many of what stands alone, this group, or this person. It is the cookie, which any connection may show.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    Alone(usize),
    Group(String),
    Person(String),
}

impl Mark {
    fn cookie(&self) -> Vec<u8> {
        let text = match self {
            Self::Alone(count) => format!("a{count}"),
            Self::Group(name) => format!("g{name}"),
            Self::Person(name) => format!("p{name}"),
        };
        text.into_bytes()
    }

    fn read(cookie: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(cookie).ok()?;
        match text.split_at_checked(1)? {
            ("a", count) => count.parse().ok().map(Self::Alone),
            ("g", name) => Some(Self::Group(name.into())),
            ("p", name) => Some(Self::Person(name.into())),
            _ => None,
        }
    }
}

/// A page that is asked for: how many entries, and the cookie of the one before.
pub struct Page {
    /// How many.
    pub size: usize,
    /// Empty for the first.
    pub cookie: Vec<u8>,
}

/// Searches for whoever is bound.
pub async fn search(
    directory: Directory<'_>,
    who: &Who,
    tls: bool,
    request: &LdapSearchRequest,
    page: Option<Page>,
) -> Answer {
    let Some(dn) = Dn::parse(&request.base) else {
        return nothing(Code::InvalidDNSyntax, "That is no distinguished name.");
    };
    if filter::parts(&request.filter) > MOST_PARTS {
        return nothing(
            Code::AdminLimitExceeded,
            "That filter has more than 256 parts. Ask with fewer at a time.",
        );
    }
    let place = directory.place(&dn);
    let described = match place {
        Place::Root if request.scope == Scope::Base => Some(directory.root(tls)),
        Place::Schema if request.scope != Scope::OneLevel => Some(directory.schema()),
        _ => None,
    };
    if let Some(entry) = described {
        let wanted = Wanted::read(&request.attrs);
        let fits = filter::fits(&request.filter, &entry) == Some(true);
        // Everything about the root is operational, and asked for by everybody without saying so.
        let wanted = if request.attrs.is_empty() { Wanted::all() } else { wanted };
        let entries = if fits { vec![entry.shown(&wanted, request.typesonly)] } else { Vec::new() };
        return Answer { entries, ..nothing(Code::Success, "") };
    }
    let Some(service) = who.service() else {
        return nothing(
            Code::InsufficentAccessRights,
            "Bind first, as the service with its key or as a person with an app-specific password.",
        );
    };
    let mark = page.as_ref().filter(|page| !page.cookie.is_empty()).map(|page| Mark::read(&page.cookie));
    if mark == Some(None) {
        return nothing(Code::UnwillingToPerform, "That cookie isn't one of this server's.");
    }
    let asked = usize::try_from(request.sizelimit).unwrap_or(0);
    let limit = [asked, page.as_ref().map_or(0, |page| page.size)].into_iter().filter(|limit| *limit > 0);
    let limit = limit.chain([MOST_ENTRIES]).min().unwrap_or(MOST_ENTRIES);
    let wanted = Wanted::read(&request.attrs);
    let mark = mark.flatten().unwrap_or(Mark::Alone(0));
    let (entries, last) = (Vec::new(), mark.clone());
    let mut found = Found { directory, who, service, request, wanted, entries, limit, last };
    let ended = found.run(&place, mark).await;
    let entries = found.entries;
    let full = |mark: &Mark| match page {
        // A page that is full is no failure, but for who wanted no more than so many in all.
        Some(_) if asked == 0 || asked > entries.len() => (Code::Success, "", mark.cookie()),
        _ => (Code::SizeLimitExceeded, "There is more. Ask for pages, or for less.", Vec::new()),
    };
    let (code, message, cookie) = match &ended {
        Ok(true) => (Code::Success, "", Vec::new()),
        Ok(false) => (Code::NoSuchObject, "Nothing stands there that you may see.", Vec::new()),
        Err(Stop::Full(mark)) => full(mark),
        Err(Stop::Unavailable) => {
            (Code::Unavailable, "The directory can't be read at the moment.", Vec::new())
        }
    };
    Answer { entries, code, message, cookie }
}

fn nothing(code: Code, message: &'static str) -> Answer {
    Answer { entries: Vec::new(), code, message, cookie: Vec::new() }
}

/// A search on its way.
struct Found<'a> {
    directory: Directory<'a>,
    who: &'a Who,
    service: &'a Arc<Service>,
    request: &'a LdapSearchRequest,
    wanted: Wanted,
    entries: Vec<LdapSearchResultEntry>,
    limit: usize,
    last: Mark,
}

impl Found<'_> {
    /// Looks at all that the search reaches, in a fixed order: what stands alone, the groups, the people. False when there is nothing at
    /// the place where it begins.
    async fn run(&mut self, place: &Place, mark: Mark) -> Result<bool, Stop> {
        let (itself, below) = match self.request.scope {
            Scope::Base => (true, false),
            Scope::OneLevel => (false, true),
            Scope::Subtree => (true, true),
            Scope::Children => (false, true),
        };
        let deep = matches!(self.request.scope, Scope::Subtree | Scope::Children);
        let own = self.service.name.as_str();
        let mut alone = Vec::new();
        let (mut groups, mut people) = (false, false);
        match place {
            Place::Base => {
                alone.extend(itself.then(|| self.directory.base_entry()));
                if below {
                    alone.extend([own, GROUPS, SERVICES].map(|branch| self.directory.branch(branch)));
                    alone.extend(deep.then(|| self.directory.service(self.service)));
                    (groups, people) = (deep, deep);
                }
            }
            Place::Groups => {
                alone.extend(itself.then(|| self.directory.branch(GROUPS)));
                groups = below;
            }
            Place::Services => {
                alone.extend(itself.then(|| self.directory.branch(SERVICES)));
                alone.extend(below.then(|| self.directory.service(self.service)));
            }
            Place::People(service) if service == own => {
                alone.extend(itself.then(|| self.directory.branch(own)));
                people = below;
            }
            Place::Service(name) if name == own => {
                alone.extend(itself.then(|| self.directory.service(self.service)));
            }
            Place::Group(name) => return self.one_group(name, itself),
            Place::Person(service, name) if service == own => return self.one_person(name, itself),
            _ => return Ok(false),
        }
        let (done, after_group, after_person) = match mark {
            Mark::Alone(done) => (done, Some(String::new()), String::new()),
            Mark::Group(after) => (alone.len(), Some(after), String::new()),
            Mark::Person(after) => (alone.len(), None, after),
        };
        for (at, entry) in alone.into_iter().enumerate().skip(done) {
            self.take(entry, || Mark::Alone(at + 1))?;
        }
        if let Some(after) = after_group.filter(|_| groups) {
            self.all_groups(&after)?;
        }
        if people {
            self.all_people(after_person).await?;
        }
        Ok(true)
    }

    fn one_group(&mut self, name: &str, itself: bool) -> Result<bool, Stop> {
        let Some(group) = self.groups()?.into_iter().find(|group| group.name.as_str() == name) else {
            return Ok(false);
        };
        if itself {
            self.take_group(&group)?;
        }
        Ok(true)
    }

    fn one_person(&mut self, name: &str, itself: bool) -> Result<bool, Stop> {
        let Some(known) =
            self.directory.visible(self.service, name).filter(|known| self.who.may_see(known.id))
        else {
            return Ok(false);
        };
        if itself {
            self.take_person(&known)?;
        }
        Ok(true)
    }

    /// The groups that the asker may see: a person, those that they are in.
    fn groups(&self) -> Result<Vec<Group>, Problem> {
        self.directory.read(|conn| match self.who.account() {
            Some(account) => groups::of_account(conn, account),
            None => Ok(groups::counted(conn)?.into_iter().map(|(group, _)| group).collect()),
        })
    }

    fn all_groups(&mut self, after: &str) -> Result<(), Stop> {
        for group in self.groups()?.iter().filter(|group| group.name.as_str() > after) {
            self.take_group(group)?;
        }
        Ok(())
    }

    fn take_group(&mut self, group: &Group) -> Result<(), Stop> {
        let members = ["member", "uniqueMember", "memberUid"];
        let with_members =
            members.iter().any(|name| self.wanted.has(name) || filter::asks_for(&self.request.filter, name));
        let entry = self.directory.group(self.service, group, with_members, self.who.account())?;
        self.take(entry, || Mark::Group(group.name.to_string()))
    }

    async fn all_people(&mut self, mut after: String) -> Result<(), Stop> {
        if let Some(account) = self.who.account() {
            return match self.directory.visible_by_id(self.service, account) {
                Some(known) if known.name.as_str() > after.as_str() => self.take_person(&known),
                _ => Ok(()),
            };
        }
        if let Some(named) = filter::names(&self.request.filter) {
            let known = named.into_iter().filter_map(|name| self.directory.visible(self.service, name));
            // Sorted, and nobody twice.
            let names: BTreeSet<AccountName> = known.map(|known| known.name.clone()).collect();
            return names
                .iter()
                .filter(|name| name.as_str() > after.as_str())
                .try_for_each(|name| self.take_name(name));
        }
        loop {
            let names = self.directory.ids(after, AT_ONCE).await?;
            names.iter().try_for_each(|name| self.take_name(name))?;
            match names.last() {
                Some(last) => after = last.to_string(),
                None => return Ok(()),
            }
        }
    }

    fn take_name(&mut self, name: &AccountName) -> Result<(), Stop> {
        match self.directory.visible(self.service, name.as_str()) {
            Some(known) => self.take_person(&known),
            None => Ok(()),
        }
    }

    fn take_person(&mut self, known: &index::Known) -> Result<(), Stop> {
        let with_groups = self.wanted.has("memberOf") || filter::asks_for(&self.request.filter, "memberOf");
        let entry = self.directory.person(self.service, known, with_groups)?;
        self.take(entry, || Mark::Person(known.name.to_string()))
    }

    /// Takes the entry, which is marked so, if it fits.
    fn take(&mut self, entry: Entry, mark: impl FnOnce() -> Mark) -> Result<(), Stop> {
        if filter::fits(&self.request.filter, &entry) != Some(true) {
            return Ok(());
        }
        if self.entries.len() >= self.limit {
            return Err(Stop::Full(self.last.clone()));
        }
        self.entries.push(entry.shown(&self.wanted, self.request.typesonly));
        self.last = mark();
        Ok(())
    }
}
