//! What is kept in memory to answer the doors, and how it follows the log: whenever an event that changes an account has been
//! committed, that account is read anew, in commit order and before the change is answered. One mechanism, whatever changed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{AccountId, AccountName, Event, GroupId, KindSet, ServiceId, ServiceName, SignOutWay};
use index::{Allowed, Index};
use store::{Commit, Conn, DbError, Lease, accounts, app_passwords, events, groups, services, sign_outs};

use crate::events::end::End;

use crate::hand_outs::memory::Memory;

use crate::metrics::doors::Answers;

use crate::sign_out::connections::Connections;

/// How many accounts are read anew at a time.
const AT_ONCE: usize = 500;

/// What the doors ask. A new one knows nothing, and isn't current until [`Live::load`] has read everything.
pub struct Live {
    /// Accounts and app-specific passwords.
    pub index: Index,
    services: RwLock<Arc<HashMap<String, Arc<Service>>>>,
    /// What builds were given lately.
    pub hand_outs: Memory,
    /// What doors keep open, which ends when memory says so.
    pub connections: Connections,
    /// False while memory may lag behind the log: then every door answers that Doorkey can't.
    current: AtomicBool,
    /// The end of the log, for those who wait for more.
    pub end: End,
    /// Runs while the data is surely this server's: another one could have changed it since.
    lease: Lease,
}

/// A service as its door needs it.
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: ServiceName,
    /// What it holds.
    pub kinds: KindSet,
    /// Who may use it.
    pub allowed: Allowed,
    /// The SHA-256 of its key.
    pub key_hash: [u8; 32],
    /// How people are signed out of it, if they are.
    pub sign_out: Option<SignOutWay>,
    /// What its doors answered since the server started.
    pub answers: Arc<Answers>,
}

impl Live {
    /// What can be said as long as this lease runs.
    pub fn under(lease: Lease) -> Self {
        Self {
            index: Index::default(),
            services: RwLock::default(),
            hand_outs: Memory::default(),
            connections: Connections::default(),
            end: End::default(),
            current: AtomicBool::new(false),
            lease,
        }
    }

    /// Whether memory agrees with the log, and the log is this server's to write.
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire) && self.lease.runs()
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.services.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All services, by name.
    pub fn services(&self) -> Arc<HashMap<String, Arc<Service>>> {
        Arc::clone(&self.services.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As the database has them; then memory isn't current, and the doors say so.
    pub fn load(&self, conn: &mut Conn) -> Result<(), DbError> {
        self.hand_outs.clear();
        self.load_services(conn)?;
        self.index.clear();
        let mut names: HashMap<AccountId, Vec<AccountName>> = HashMap::new();
        accounts::for_each_name(conn, |id, name| names.entry(id).or_default().push(name))?;
        let mut memberships: HashMap<AccountId, Vec<GroupId>> = HashMap::new();
        groups::for_each_member(conn, |id, group| memberships.entry(id).or_default().push(group))?;
        let mut people = HashMap::new();
        accounts::for_each(conn, |account| {
            people.insert(account.id, account);
        })?;
        // The passwords come sorted by account, so only one account's are held at a time.
        let mut of_one: Vec<app_passwords::Indexed> = Vec::new();
        let mut put = |of_one: &mut Vec<app_passwords::Indexed>| {
            if let Some(account) = of_one.first().and_then(|first| people.remove(&first.account)) {
                let names = names.remove(&account.id).unwrap_or_default();
                let groups = memberships.remove(&account.id).unwrap_or_default();
                self.put(&account, &names, &groups, of_one);
            }
            of_one.clear();
        };
        app_passwords::for_each_indexed(conn, |password| {
            if of_one.first().is_some_and(|first| first.account != password.account) {
                put(&mut of_one);
            }
            of_one.push(password);
        })?;
        put(&mut of_one);
        for account in people.into_values() {
            let names = names.remove(&account.id).unwrap_or_default();
            let groups = memberships.remove(&account.id).unwrap_or_default();
            self.put(&account, &names, &groups, &[]);
        }
        self.connections.look_again(self);
        self.current.store(true, Ordering::Release);
        self.end.reached(events::last(conn)?.number);
        Ok(())
    }

    /// Follows the log. Called by the writer, in commit order, before the changes are answered.
    pub fn follow(&self, commit: Commit<'_>) {
        let caught_up = match commit {
            Commit::Committed { notes, conn } => {
                self.hand_outs.follow(notes);
                let caught_up = self.catch_up(conn, notes).map(|()| self.connections.follow(self, notes));
                // Also when memory lags behind: the log itself has moved on.
                if let Some(last) = notes.last() {
                    self.end.reached(last.number);
                }
                caught_up
            }
            // Nobody can say what holds until the database has been asked again.
            Commit::Unknown { .. } => return self.current.store(false, Ordering::Release),
            Commit::Settled { conn } => self.load(conn),
        };
        if let Err(error) = caught_up {
            // The doors stay shut until everything has been read again: see `app_passwords::keeper`.
            self.current.store(false, Ordering::Release);
            tracing::error!(%error, "the index can't follow the log: every door answers that it is unavailable");
        }
    }

    fn catch_up(&self, conn: &mut Conn, events: &[Event]) -> Result<(), DbError> {
        if events.iter().any(|event| event.what.changes_services()) {
            self.load_services(conn)?;
        }
        let changed = events.iter().filter(|event| event.what.changes_account()).filter_map(|e| e.account);
        let mut known = HashSet::new();
        let changed: Vec<_> = changed.filter(|account| known.insert(*account)).collect();
        changed.chunks(AT_ONCE).try_for_each(|some| self.load_accounts(conn, some))
    }

    fn load_accounts(&self, conn: &mut Conn, ids: &[AccountId]) -> Result<(), DbError> {
        let (names, groups) = (accounts::names_of_all(conn, ids)?, groups::of_accounts(conn, ids)?);
        let passwords = app_passwords::indexed_of_all(conn, ids)?;
        let of_each = names.into_iter().zip(groups).zip(passwords);
        for ((id, account), ((names, groups), passwords)) in
            ids.iter().zip(accounts::by_ids(conn, ids)?).zip(of_each)
        {
            match account {
                None => self.index.remove_account(*id),
                Some(account) => {
                    let groups: Vec<_> = groups.into_iter().map(|group| group.id).collect();
                    self.put(&account, &names, &groups, &passwords);
                }
            }
        }
        Ok(())
    }

    fn put(
        &self,
        account: &accounts::Account,
        names: &[AccountName],
        groups: &[GroupId],
        passwords: &[app_passwords::Indexed],
    ) {
        let entries: Vec<_> = passwords
            .iter()
            .map(|p| index::Entry {
                fingerprint: p.fingerprint,
                id: p.id,
                opens: p.opens,
                expires_at: p.expires_at,
                ended: p.ended,
            })
            .collect();
        let account = index::Account {
            id: account.id,
            name: account.name.clone(),
            aliases: names.iter().filter(|name| **name != account.name).cloned().collect(),
            display_name: account.display_name.clone(),
            groups: self.index.groups(groups),
            active: account.state == accounts::State::Active,
        };
        self.index.put_account(account, &entries);
    }

    fn load_services(&self, conn: &mut Conn) -> Result<(), DbError> {
        let mut groups: HashMap<ServiceId, Vec<GroupId>> = HashMap::new();
        groups::for_each_allowed(conn, |service, group| groups.entry(service).or_default().push(group))?;
        let ways: HashMap<_, _> =
            sign_outs::ways(conn)?.into_iter().map(|way| (way.service, way.way)).collect();
        let before = self.services();
        let all = services::all(conn)?.into_iter().map(|s| {
            let allowed = groups.get(&s.id).map_or(Allowed::Everyone, |groups| self.index.allowed(groups));
            let same = before.get(s.name.as_str()).filter(|before| before.id == s.id);
            let answers = same.map(|same| Arc::clone(&same.answers)).unwrap_or_default();
            let service = Service {
                id: s.id,
                name: s.name,
                kinds: s.kinds,
                allowed,
                key_hash: s.key_hash,
                sign_out: ways.get(&s.id).copied(),
                answers,
            };
            (service.name.to_string(), Arc::new(service))
        });
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all.collect());
        Ok(())
    }
}
