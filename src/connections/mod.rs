//! Connections: the Apple IDs and API keys that people have connected, for builds to use. A connection is its person's, whoever uses it: what
//! is in it is opened to ask Apple about it, and to hand it out to builds, and for nothing else.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use appleid::{ApiKey, KeyName};
use domain::{AccountId, ConnectionId, ConnectionKind, ConnectionState, Role, What, WhyUnused};
use seal::Place;
use store::{
    Conn,
    connections::{self as rows, ApiKey as KeyRow, Connection},
    events,
    hand_outs::HandOut,
    project_tokens::{self, ProjectToken},
    projects::{self as project_rows, Member, Project},
};

use crate::{
    access::{Fresh, Oneself, SignedIn},
    accounts::two_factor,
    app::App,
    builds::rules,
    ctx::Ctx,
    hand_outs,
    problem::{Code, Problem},
    projects,
};
use reads::Reads;

pub mod api;
pub mod apple;
mod new;
pub mod pages;
pub mod reads;
pub mod views;

pub use new::{NewKey, Typed};

/// How many connections an account may have.
pub const MOST: usize = 50;

/// How many readers are given at a time.
pub const READERS: i64 = 50;

/// A connection as its person sees it.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The connection.
    pub connection: Connection,
    /// What is particular to an API key; none for an Apple ID.
    pub key: Option<KeyFacts>,
    /// The projects that it is offered to, by name.
    pub offered_to: Vec<Project>,
    /// Those of them whose builds use it, by name.
    pub used_by: Vec<Project>,
}

/// What may be known of an API key.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// Apple's name for it.
    pub key_id: String,
    /// Whose keys they are, at Apple; none for an individual key.
    pub issuer_id: Option<String>,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    pub enterprise: bool,
    /// What it was seen to read.
    pub reads: Vec<Reads>,
}

/// A project through which a connection can be read.
pub struct Reached {
    /// The project.
    pub project: Project,
    /// Whether its builds use the connection now.
    pub used: bool,
    /// Who may say what its builds do, and let builds in: those with admin authority.
    pub people: Vec<Member>,
    /// Which identity tokens open builds there.
    pub rules: Vec<rules::Listed>,
    /// Which tokens of the project do, and work still.
    pub tokens: Vec<ProjectToken>,
}

/// The connections that Apple is being asked about.
#[derive(Default)]
pub struct Checks(Mutex<HashSet<ConnectionId>>);

/// That Apple is being asked about one of them, until this is dropped.
struct Checking<'a>(&'a Checks, ConnectionId);

impl Checks {
    fn begin(&self, id: ConnectionId) -> Result<Checking<'_>, Problem> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            return Ok(Checking(self, id));
        }
        Err(Problem::new(
            Code::Conflict,
            "This connection is being tested at this moment. Wait until that is done, then look at the page again.",
        ))
    }
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// What the person has connected, in the order in which it was.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, who: &Oneself) -> Result<Vec<Connected>, Problem> {
    app.store.read(|conn| {
        let all = rows::of_account(conn, who.account())?;
        all.into_iter().map(|connection| shown(conn, connection)).collect()
    })
}

/// One of them.
///
/// # Errors
/// `not-found` when there is no such connection, or it is somebody else's.
pub fn get(app: &App, who: &Oneself, id: ConnectionId) -> Result<Connected, Problem> {
    app.store.read(|conn| {
        let connection = own(conn, who.account(), id)?;
        shown(conn, connection)
    })
}

fn own(conn: &mut Conn, account: AccountId, id: ConnectionId) -> Result<Connection, Problem> {
    rows::by_id(conn, id)?.filter(|one| one.account == account).ok_or_else(Problem::not_found)
}

fn shown(conn: &mut Conn, connection: Connection) -> Result<Connected, Problem> {
    let key = rows::api_key(conn, connection.id)?.map(|row| KeyFacts {
        reads: Reads::of_stored(&row.can),
        key_id: row.key_id,
        issuer_id: row.issuer_id,
        enterprise: row.enterprise,
    });
    let (offered, used) = (rows::offered_to(conn, connection.id)?, rows::used_by(conn, connection.id)?);
    Ok(Connected { connection, key, offered_to: by_name(conn, &offered)?, used_by: by_name(conn, &used)? })
}

fn by_name(conn: &mut Conn, ids: &[domain::ProjectId]) -> Result<Vec<Project>, Problem> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(project_rows::by_id(conn, *id)?);
    }
    found.sort_by_key(|project| project.name.folded());
    Ok(found)
}

/// Somebody who may connect something: two-factor authentication is on, since it opens more than their account, and the second factor was
/// shown a short while ago.
///
/// # Errors
/// `two-factor-needed`, `confirmation-needed`.
pub fn connector(app: &App, person: SignedIn, now: domain::Timestamp) -> Result<Fresh<SignedIn>, Problem> {
    if !app.store.read(|conn| two_factor::is_on(conn, person.account.id))? {
        return Err(two_factor_needed());
    }
    person.fresh(now)
}

fn two_factor_needed() -> Problem {
    Problem::new(
        Code::TwoFactorNeeded,
        "What you connect opens your account at Apple, so it is kept only for an account with a second factor. Turn on two-factor \
         authentication first.",
    )
}

/// Connects an API key, once Apple takes it.
///
/// # Errors
/// `two-factor-needed`; `conflict` when it is connected already; `too-many-connections`; what Apple said.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    new: NewKey,
) -> Result<Connected, Problem> {
    let person = person.who();
    let (stamp, account, actor, session) =
        (ctx.stamp.clone(), person.account.id, person.actor(), person.session.id);
    // Apple isn't asked for nothing.
    app.store.read(|conn| has_room(conn, account, &new))?;
    let checked = apple::check(app, &new.key, &new.name()).await?;
    if checked.state == ConnectionState::Refused {
        return Err(Problem::new(Code::AppleRefused, checked.answer.unwrap_or_default()));
    }
    let id = ConnectionId::new(stamp.now, &mut ctx.rng);
    let private_sealed = app.keyring.seal(place(&id.to_bytes()), new.key.der(), &mut ctx.rng);
    let connection = Connection {
        id,
        account,
        kind: ConnectionKind::ApiKey,
        name: new.called(),
        state: checked.state,
        created_at: stamp.now,
        checked_at: stamp.now,
        answer: checked.answer,
    };
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            if !two_factor::is_on(tx, account)? {
                return Err(two_factor_needed());
            }
            has_room(tx, account, &new)?;
            rows::insert(tx, &connection)?;
            rows::insert_api_key(
                tx,
                &KeyRow {
                    connection: id,
                    key_id: new.key_id.clone(),
                    issuer_id: new.issuer_id.clone(),
                    enterprise: new.enterprise,
                    can: Reads::stored(&checked.reads),
                    private_sealed: private_sealed.clone(),
                },
            )?;
            let what = What::ConnectionAdded { id, name: connection.name.clone(), kind: connection.kind };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            shown(tx, connection.clone())
        })
        .await
}

/// That there is room for it, and that it isn't there yet.
fn has_room(conn: &mut Conn, account: AccountId, new: &NewKey) -> Result<(), Problem> {
    let all = rows::of_account(conn, account)?;
    for one in &all {
        let key = rows::api_key(conn, one.id)?;
        if key.is_some_and(|key| key.key_id == new.key_id && key.enterprise == new.enterprise) {
            let detail =
                format!("You have connected the key {} already. Test it, or remove it first.", new.key_id);
            return Err(Problem { field: Some("key_id"), ..Problem::new(Code::Conflict, detail) });
        }
    }
    if all.len() < MOST {
        return Ok(());
    }
    Err(Problem::new(
        Code::TooManyConnections,
        "You have 50 connections, the most there can be. Remove one that you no longer use.",
    ))
}

/// What a sealed key is bound to.
fn place(row: &[u8]) -> Place<'_> {
    Place { table: "api_keys", row, column: "private_sealed" }
}

/// The key itself, if what is sealed opens: not when the data is damaged, or the data key was replaced since the row was read.
pub fn unsealed(app: &App, row: &KeyRow) -> Option<ApiKey> {
    let opened = app.keyring.unseal(place(&row.connection.to_bytes()), &row.private_sealed).ok()?;
    ApiKey::kept(opened.expose())
}

/// Opens a key, to ask Apple about it or to hand it out.
///
/// # Errors
/// `unavailable` when it can't be: the data is damaged.
pub fn open(app: &App, row: &KeyRow) -> Result<ApiKey, Problem> {
    unsealed(app, row).ok_or_else(|| {
        tracing::error!(connection = %row.connection, "the key of a connection can't be opened: run `doorkey admin check`");
        Problem::unavailable()
    })
}

/// What Apple knows this key by.
fn name_of(row: &KeyRow) -> KeyName<'_> {
    KeyName { key_id: &row.key_id, issuer_id: row.issuer_id.as_deref(), enterprise: row.enterprise }
}

/// Asks Apple about a connection, and writes down what it says. One at a time is asked about each.
///
/// # Errors
/// `not-found`; `conflict` while it is being asked about; `apple-unavailable`, `clock-wrong`, and then nothing has changed.
pub async fn test(app: &App, ctx: &Ctx, person: &SignedIn, id: ConnectionId) -> Result<Connected, Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account.id, person.actor());
    let key = app.store.read(|conn| {
        own(conn, account, id)?;
        rows::api_key(conn, id)?.ok_or_else(Problem::not_found)
    })?;
    let _checking = app.checks.begin(id)?;
    let opened = open(app, &key)?;
    let checked = apple::check(app, &opened, &name_of(&key)).await?;
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            let before = own(tx, account, id)?;
            rows::set_state(tx, id, checked.state, now, checked.answer.as_deref())?;
            // What it could do when it was last taken stays known.
            if checked.state != ConnectionState::Refused {
                rows::set_can(tx, id, &Reads::stored(&checked.reads))?;
            }
            if before.state != checked.state {
                let what =
                    What::ConnectionStateChanged { id, name: before.name.clone(), state: checked.state };
                events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            }
            let after = own(tx, account, id)?;
            shown(tx, after)
        })
        .await
}

/// Removes a connection and what is stored of it, and gives what it was: the projects in `used_by` have stopped using it.
///
/// # Errors
/// `not-found` when there is no such connection any more, or it is somebody else's.
pub async fn remove(
    app: &App,
    ctx: &Ctx,
    person: &Fresh<SignedIn>,
    id: ConnectionId,
) -> Result<Connected, Problem> {
    let person = person.who();
    let (stamp, account, actor, session) =
        (ctx.stamp.clone(), person.account.id, person.actor(), person.session.id);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            let connection = own(tx, account, id)?;
            let was = shown(tx, connection)?;
            projects::stop_using(tx, &stamp, actor, &was.connection, None, WhyUnused::Removed)?;
            rows::delete(tx, id)?;
            let what = What::ConnectionRemoved { id, name: was.connection.name.clone() };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            Ok(was)
        })
        .await
}

/// Which builds received it, the newest first: at most [`READERS`], those of events before number `before`.
///
/// # Errors
/// `not-found`.
pub fn readers(app: &App, who: &Oneself, id: ConnectionId, before: i64) -> Result<Vec<HandOut>, Problem> {
    app.store.read(|conn| {
        own(conn, who.account(), id)?;
        Ok::<_, Problem>(())
    })?;
    Ok(hand_outs::of_connection(app, id, before, READERS)?)
}

/// Through which projects it can be read, and who decides there: all that it is offered to.
///
/// # Errors
/// `not-found`.
pub fn reach(app: &App, who: &Oneself, id: ConnectionId) -> Result<Vec<Reached>, Problem> {
    let now = app.clock.now();
    app.store.read(|conn| {
        let connection = own(conn, who.account(), id)?;
        let all = shown(conn, connection)?;
        let used: HashSet<_> = all.used_by.iter().map(|project| project.id).collect();
        let reached = all.offered_to.into_iter().map(|project| {
            let mut people = project_rows::members(conn, project.id)?;
            people.retain(|member| member.role >= Role::Admin);
            let rules = rules::of_project(conn, project.id)?;
            let mut tokens = project_tokens::of_project(conn, project.id)?;
            tokens.retain(|token| token.expires_at > now);
            Ok(Reached { used: used.contains(&project.id), people, rules, tokens, project })
        });
        reached.collect()
    })
}
