//! Which connections a project's builds use: offered by their people, chosen by the project's admins, and no longer used the moment that
//! one of the two ends.

use domain::{
    AccountId, Actor, ConnectionId, ConnectionKind, DisplayName, Event, ProjectId, Role, Timestamp, What,
    WhyUnused,
};
use store::{
    Conn, Tx, accounts,
    accounts::State,
    connections::{self as rows, Connection},
    events,
    projects::{self, Project},
};

use super::{Member, ProjectAdmin, life::tell};
use crate::{
    access::Fresh,
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
};

/// How many of the latest events about a project's connections are looked at for what it stopped using.
const LOOKED_AT: i64 = 100;

/// What a project's builds use, and could.
pub struct Choices {
    /// Of each kind.
    pub kinds: Vec<OfKind>,
    /// What the reader has connected.
    pub yours: Vec<Yours>,
}

/// What a project's builds use of one kind, and could.
pub struct OfKind {
    /// The kind.
    pub kind: ConnectionKind,
    /// What they use.
    pub in_use: Option<ConnectionId>,
    /// The owner and the admins who have connected something of this kind, in the order in which they joined.
    pub people: Vec<OfPerson>,
    /// What they stopped using, while nothing was chosen since.
    pub unused: Option<Unused>,
}

/// Somebody whose connections a project's builds can use.
pub struct OfPerson {
    /// Whose account.
    pub account: AccountId,
    /// What they are called.
    pub name: DisplayName,
    /// Their role.
    pub role: Role,
    /// What they offer to the project.
    pub offered: Vec<Connection>,
    /// Whether they have something of this kind that they don't offer: which, is theirs to know.
    pub keeps_some: bool,
}

/// What somebody has connected themselves.
pub struct Yours {
    /// The connection.
    pub connection: Connection,
    /// Whether it is offered to the project.
    pub offered: bool,
    /// Whether the project's builds use it.
    pub in_use: bool,
}

/// What a project's builds stopped using.
pub struct Unused {
    /// What it is called.
    pub name: String,
    /// What its person is called; their ID when their account was removed.
    pub person: String,
    /// Why.
    pub why: WhyUnused,
    /// When.
    pub at: Timestamp,
}

impl Unused {
    /// What an event of [`What::ConnectionUnused`] tells.
    ///
    /// # Errors
    /// As the database has them.
    pub fn read(conn: &mut Conn, event: &Event) -> Result<Option<Self>, Problem> {
        let What::ConnectionUnused { name, why, .. } = &event.what else { return Ok(None) };
        let Some(account) = event.account else { return Ok(None) };
        let person = match accounts::by_id(conn, account)? {
            Some(account) => Some(account.display_name.as_str().to_owned()),
            None => events::last_name(conn, account)?,
        };
        let person = person.unwrap_or_else(|| "Somebody who has left".into());
        Ok(Some(Self { name: name.clone(), person, why: *why, at: event.at }))
    }

    /// What happened, as a sentence: "Builds of Northwind iOS no longer use Ada’s AuthKey_2X9R4HXF34: Ada left the team."
    pub fn sentence(&self, project: &str) -> String {
        let Self { name, person, .. } = self;
        let why = match self.why {
            WhyUnused::OfferTakenBack => format!("{person} no longer offers it"),
            WhyUnused::LeftTeam => format!("{person} left the team"),
            WhyUnused::LostAuthority => format!("{person} is no longer an admin"),
            WhyUnused::Suspended => format!("{person}’s account was suspended"),
            WhyUnused::AccountRemoved => format!("{person}’s account was removed"),
            WhyUnused::Removed => format!("{person} removed it"),
        };
        format!("Builds of {project} no longer use {person}’s {name}: {why}")
    }
}

/// What the project's builds use, and could, as somebody of its team sees it: by kind and state, never more than the name of what is offered.
///
/// # Errors
/// As the database has them.
pub fn choices(app: &App, member: &Member) -> Result<Choices, Problem> {
    app.store.read(|conn| {
        let project = member.project.id;
        let (offered, in_use) = (rows::offered(conn, project)?, rows::in_use(conn, project)?);
        let admins: Vec<_> = projects::members(conn, project)?
            .into_iter()
            .filter(|one| one.state == State::Active && one.role.administers())
            .collect();
        let mut theirs = Vec::new();
        for admin in admins {
            let connected = rows::of_account(conn, admin.account)?;
            theirs.push((admin, connected));
        }
        let mut kinds = Vec::new();
        for kind in ConnectionKind::ALL {
            let people = theirs.iter().filter_map(|(admin, connected)| {
                let all = connected.iter().filter(|one| one.kind == kind).count();
                let offered: Vec<_> = offered
                    .iter()
                    .filter(|one| one.account == admin.account && one.kind == kind)
                    .cloned()
                    .collect();
                (all > 0).then(|| OfPerson {
                    account: admin.account,
                    name: admin.display_name.clone(),
                    role: admin.role,
                    keeps_some: offered.len() < all,
                    offered,
                })
            });
            let (people, in_use) =
                (people.collect(), in_use.iter().find(|one| one.kind == kind).map(|one| one.id));
            let unused = if in_use.is_none() { last_unused(conn, project, kind)? } else { None };
            kinds.push(OfKind { kind, in_use, people, unused });
        }
        let (mine, used) =
            (rows::offered_by(conn, project, member.account)?, |id| in_use.iter().any(|one| one.id == id));
        let yours = rows::of_account(conn, member.account)?.into_iter().map(|connection| Yours {
            offered: mine.iter().any(|one| one.id == connection.id),
            in_use: used(connection.id),
            connection,
        });
        let yours = yours.collect();
        Ok(Choices { kinds, yours })
    })
}

fn last_unused(conn: &mut Conn, project: ProjectId, kind: ConnectionKind) -> Result<Option<Unused>, Problem> {
    let of_kind = |what: &What| match what {
        What::ConnectionChosen { kind, .. } | What::ConnectionUnused { kind, .. } => Some(*kind),
        _ => None,
    };
    let latest = events::connections_of(conn, project, LOOKED_AT)?;
    match latest.iter().find(|event| of_kind(&event.what) == Some(kind)) {
        Some(event) => Unused::read(conn, event),
        None => Ok(None),
    }
}

fn yours(conn: &mut Conn, member: &Member, id: &str) -> Result<Connection, Problem> {
    let found = id.parse().ok().map(|id| rows::by_id(conn, id)).transpose()?.flatten();
    found.filter(|connection| connection.account == member.account).ok_or_else(|| {
        let detail = "There is no such connection of yours. Look at Apple Service connection again.";
        Problem { field: Some("connection"), ..Problem::new(Code::NotFound, detail) }
    })
}

/// Lets the project's admins choose a connection of one's own. What is offered already stays so, and isn't told.
///
/// # Errors
/// `not-found` at `connection` when it isn't one's own.
pub async fn offer(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<ProjectAdmin>,
    id: &str,
) -> Result<Connection, Problem> {
    let (stamp, admin, id) = (ctx.stamp.clone(), admin.who().clone(), id.to_owned());
    app.store
        .write(move |tx| {
            let project = admin.may_give(tx)?;
            let connection = yours(tx, admin.member(), &id)?;
            offer_one(tx, &stamp, &admin, &project, &connection)?;
            Ok(connection)
        })
        .await
}

fn offer_one(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    admin: &ProjectAdmin,
    project: &Project,
    connection: &Connection,
) -> Result<(), Problem> {
    if !rows::offer(tx, connection.id, project.id, stamp.now)? {
        return Ok(());
    }
    let what = What::ConnectionOffered {
        project: project.id,
        project_name: project.name.as_str().into(),
        id: connection.id,
        name: connection.name.clone(),
    };
    tell(tx, stamp, admin.member(), what)
}

/// Offers a connection of one's own and has the project's builds use it, in one step: in the place of somebody's who can't be used any more.
///
/// # Errors
/// `not-found` at `connection` when it isn't one's own.
pub async fn offer_and_use(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<ProjectAdmin>,
    id: &str,
) -> Result<Connection, Problem> {
    let (stamp, admin, id) = (ctx.stamp.clone(), admin.who().clone(), id.to_owned());
    app.store
        .write(move |tx| {
            let project = admin.may_give(tx)?;
            let connection = yours(tx, admin.member(), &id)?;
            offer_one(tx, &stamp, &admin, &project, &connection)?;
            choose_one(tx, &stamp, &admin, &project, connection.kind, Some(connection.id))?;
            Ok(connection)
        })
        .await
}

/// Takes an offer of one's own back: the project's builds stop using it at once.
///
/// # Errors
/// `not-found` at `connection` when it isn't one's own, or isn't offered to the project.
pub async fn take_back(app: &App, ctx: &Ctx, member: &Member, id: &str) -> Result<Connection, Problem> {
    let (stamp, member, id) = (ctx.stamp.clone(), member.clone(), id.to_owned());
    app.store
        .write(move |tx| {
            let project = Member::still(tx, member.project.id, member.account, Role::Viewer)?;
            let connection = yours(tx, &member, &id)?;
            if !rows::offered_to(tx, connection.id)?.contains(&project.id) {
                let detail = format!("{} isn't offered to {}.", connection.name, project.name.as_str());
                return Err(Problem { field: Some("connection"), ..Problem::new(Code::NotFound, detail) });
            }
            let what = What::ConnectionOfferTakenBack {
                project: project.id,
                project_name: project.name.as_str().into(),
                id: connection.id,
                name: connection.name.clone(),
            };
            tell(tx, &stamp, &member, what)?;
            let why = WhyUnused::OfferTakenBack;
            stop_using(tx, &stamp, member.actor(), &connection, Some(project.id), why)?;
            Ok(connection)
        })
        .await
}

/// Which connection of a kind builds are to use; none for none of the kind.
pub type Choice = (ConnectionKind, Option<ConnectionId>);

/// Has the project's builds use these, in the place of what they used of the same kinds. What is so already stays so, and isn't told.
///
/// # Errors
/// `conflict` at `connection` when one isn't offered to the project, or no longer.
pub async fn choose(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<ProjectAdmin>,
    choices: Vec<Choice>,
) -> Result<(), Problem> {
    let (stamp, admin) = (ctx.stamp.clone(), admin.who().clone());
    app.store
        .write(move |tx| {
            let some = choices.iter().any(|(_, connection)| connection.is_some());
            let project = if some { admin.may_give(tx)? } else { admin.still(tx)? };
            for (kind, connection) in &choices {
                choose_one(tx, &stamp, &admin, &project, *kind, *connection)?;
            }
            Ok(())
        })
        .await
}

fn choose_one(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    admin: &ProjectAdmin,
    project: &Project,
    kind: ConnectionKind,
    connection: Option<ConnectionId>,
) -> Result<(), Problem> {
    let before = rows::in_use(tx, project.id)?.into_iter().find(|one| one.kind == kind);
    // Choosing none says that nothing is to be done about one that is no longer used.
    let is_so = before.as_ref().map(|one| one.id) == connection;
    if is_so && (connection.is_some() || last_unused(tx, project.id, kind)?.is_none()) {
        return Ok(());
    }
    let chosen = match connection {
        None => {
            rows::choose_none(tx, project.id, kind)?;
            None
        }
        Some(id) => {
            let offered = rows::offered(tx, project.id)?;
            let chosen = offered.into_iter().find(|one| one.id == id && one.kind == kind);
            let chosen = chosen.ok_or_else(not_offered)?;
            rows::choose(tx, project.id, &chosen, stamp.now)?;
            Some(chosen)
        }
    };
    let what = What::ConnectionChosen {
        project: project.id,
        project_name: project.name.as_str().into(),
        kind,
        id: chosen.as_ref().map(|one| one.id),
        name: chosen.as_ref().map(|one| one.name.clone()),
    };
    // Its person sees it in their activity: what is theirs is used now, or no longer.
    let whose = chosen.or(before).map_or(admin.member().account, |one| one.account);
    Ok(events::append(tx, stamp.now, stamp.event(Some(whose), admin.member().actor(), what))?)
}

pub(super) fn not_offered() -> Problem {
    let detail = "That connection isn't offered to this project, or no longer. Choose another one, or ask its person to offer it.";
    Problem { field: Some("connection"), ..Problem::new(Code::Conflict, detail) }
}

/// Ends a connection's being offered and used: in this project, or in all. Each project whose builds used it is told, by the log, and from
/// it by mail to its admins; what builds receive follows at once.
///
/// # Errors
/// As the database has them.
pub fn stop_using(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    connection: &Connection,
    project: Option<ProjectId>,
    why: WhyUnused,
) -> Result<(), Problem> {
    let mut ids = rows::offered_to(tx, connection.id)?;
    ids.extend(rows::used_by(tx, connection.id)?);
    ids.sort();
    ids.dedup();
    for id in ids.into_iter().filter(|id| project.is_none_or(|project| project == *id)) {
        rows::take_back(tx, connection.id, id)?;
        if !rows::unuse(tx, id, connection.id)? {
            continue;
        }
        let Some(project) = projects::by_id(tx, id)? else { continue };
        let what = What::ConnectionUnused {
            project: project.id,
            project_name: project.name.as_str().into(),
            kind: connection.kind,
            id: connection.id,
            name: connection.name.clone(),
            why,
        };
        events::append(tx, stamp.now, stamp.event(Some(connection.account), actor, what))?;
    }
    Ok(())
}

/// The same for all that somebody has connected: in the project that they leave, or administer no longer, or in all when their account can't
/// be used any more.
///
/// # Errors
/// As the database has them.
pub fn stop_using_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    project: Option<ProjectId>,
    why: WhyUnused,
) -> Result<(), Problem> {
    for connection in rows::of_account(tx, account)? {
        stop_using(tx, stamp, actor, &connection, project, why)?;
    }
    Ok(())
}
