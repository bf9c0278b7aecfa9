//! A project's team: who is in it, in which role, and what ends when somebody goes.
//!
//! Admins do everything with the team, and make admins too: whoever is one can let any build in already, so another one gets nothing that
//! the first hasn't got. The owner is outside of it: nobody takes them out or gives them another role, and they leave by handing over.

use domain::{AccountId, AccountName, Actor, Role, What, WhyUnused};
use store::{
    Conn, Tx, accounts, events,
    projects::{self as rows, Member as Row, Project},
};

use super::{Member, ProjectAdmin, ProjectOwner, invitations, stop_using_all};
use crate::{
    access::Fresh,
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
};

/// How many are in a project's team at most.
pub const MEMBERS_MOST: u64 = 500;

/// The project's team, in the order in which they joined.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, member: &Member) -> Result<Vec<Row>, Problem> {
    Ok(app.store.read(|conn| rows::members(conn, member.project.id))?)
}

/// Somebody of the team, by the account's id or by an ID of its person's.
///
/// # Errors
/// `not-found` at `account` when nobody in the team is called so: whether anybody else is, isn't said.
pub fn get(app: &App, member: &Member, who: &str) -> Result<Row, Problem> {
    let who = Who::parse(app, who);
    app.store.read(|conn| who.find(conn, &member.project))
}

/// Whom of a team is meant.
#[derive(Clone)]
pub(super) enum Who {
    Id(AccountId),
    Name(AccountName),
    Nobody,
}

impl Who {
    pub(super) fn parse(app: &App, typed: &str) -> Self {
        match (typed.parse(), AccountName::parse(typed, app.default_domain())) {
            (Ok(id), _) => Self::Id(id),
            (_, Ok(name)) => Self::Name(name),
            _ => Self::Nobody,
        }
    }

    pub(super) fn find(&self, conn: &mut Conn, project: &Project) -> Result<Row, Problem> {
        let id = match self {
            Self::Id(id) => Some(*id),
            Self::Name(name) => accounts::by_name(conn, name)?.map(|account| account.id),
            Self::Nobody => None,
        };
        let found = id.map(|id| rows::member_of(conn, project.id, id)).transpose()?.flatten();
        found.ok_or_else(|| {
            let detail = format!(
                "Nobody of this ID is in the team of {}. Look at the team again.",
                project.name.as_str()
            );
            Problem { field: Some("account"), ..Problem::new(Code::NotFound, detail) }
        })
    }
}

/// Reads a role that can be given: all but the owner's.
///
/// # Errors
/// `unfit` at `role`.
pub fn role_typed(typed: &str) -> Result<Role, Problem> {
    match Role::from_code(typed.trim()) {
        Some(Role::Owner) => Err(Problem::field(
            "role",
            "A project has one owner, who hands it over in its settings. Choose admin, developer or viewer.",
        )),
        Some(role) => Ok(role),
        None => Err(Problem::field("role", "Choose admin, developer or viewer.")),
    }
}

/// Gives somebody of the team another role, and tells who it was. Who loses admin authority has what they offered no longer used, and those
/// whom they invited can't accept any more.
///
/// # Errors
/// `not-found` at `account`; `conflict` when it is the owner.
pub async fn set_role(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<ProjectAdmin>,
    who: &str,
    role: Role,
) -> Result<Row, Problem> {
    let (stamp, admin, who) = (ctx.stamp.clone(), admin.who().clone(), Who::parse(app, who));
    app.store
        .write(move |tx| {
            let project = admin.still(tx)?;
            let before = who.find(tx, &project)?;
            if role > before.role {
                admin.may_give(tx)?;
            }
            not_the_owner(&before, "gives the owner another role")?;
            if before.role != role {
                rows::set_role(tx, project.id, before.account, role)?;
                told_role(tx, &stamp, admin.member().actor(), &project, before.account, role)?;
                if before.role.administers() && !role.administers() {
                    let why = WhyUnused::LostAuthority;
                    ends(tx, &stamp, admin.member().actor(), &project, before.account, why)?;
                }
            }
            Ok(Row { role, ..before })
        })
        .await
}

fn told_role(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    project: &Project,
    account: AccountId,
    role: Role,
) -> Result<(), Problem> {
    let what =
        What::MemberRoleChanged { project: project.id, project_name: project.name.as_str().into(), role };
    Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?)
}

fn not_the_owner(member: &Row, what: &str) -> Result<(), Problem> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let detail = format!("Nobody {what}. The owner hands the project over first, in its settings.");
    Err(Problem::new(Code::Conflict, detail))
}

/// What ends in a project when somebody in it has no admin authority any more.
fn ends(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    project: &Project,
    account: AccountId,
    why: WhyUnused,
) -> Result<(), Problem> {
    stop_using_all(tx, stamp, actor, account, Some(project.id), why)?;
    invitations::withdraw_all(tx, stamp, actor, account, Some(project.id))
}

/// Takes somebody out of the team, and tells who it was.
///
/// # Errors
/// `not-found` at `account`; `conflict` when it is the owner.
pub async fn take_out(app: &App, ctx: &Ctx, admin: &ProjectAdmin, who: &str) -> Result<Row, Problem> {
    let (stamp, admin, who) = (ctx.stamp.clone(), admin.clone(), Who::parse(app, who));
    app.store
        .write(move |tx| {
            let project = admin.still(tx)?;
            let member = who.find(tx, &project)?;
            not_the_owner(&member, "takes the owner out")?;
            goes(tx, &stamp, admin.member().actor(), &project, member.account)?;
            Ok(member)
        })
        .await
}

/// Leaves the team.
///
/// # Errors
/// `conflict` for the owner.
pub async fn leave(app: &App, ctx: &Ctx, member: &Member) -> Result<(), Problem> {
    let (stamp, member) = (ctx.stamp.clone(), member.clone());
    app.store
        .write(move |tx| {
            let project = Member::still(tx, member.project.id, member.account, Role::Viewer)?;
            if rows::role(tx, project.id, member.account)? == Some(Role::Owner) {
                return Err(Problem::new(
                    Code::Conflict,
                    "You own this project, so you can't leave it. Hand it over to somebody of the team first, or remove it.",
                ));
            }
            goes(tx, &stamp, member.actor(), &project, member.account)
        })
        .await
}

fn goes(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    project: &Project,
    account: AccountId,
) -> Result<(), Problem> {
    ends(tx, stamp, actor, project, account, WhyUnused::LeftTeam)?;
    rows::leave(tx, project.id, account)?;
    let what = What::MemberLeft { project: project.id, project_name: project.name.as_str().into() };
    Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?)
}

/// Hands the project over to somebody of the team, and tells to whom. Who owned it is an admin from then on.
///
/// # Errors
/// `not-found` at `account`; `conflict` when it is the owner already, or their account can't be used.
pub async fn hand_over(app: &App, ctx: &Ctx, owner: &Fresh<ProjectOwner>, who: &str) -> Result<Row, Problem> {
    let (stamp, owner, who) = (ctx.stamp.clone(), owner.who().clone(), Who::parse(app, who));
    app.store
        .write(move |tx| {
            let project = owner.may_give(tx)?;
            let next = who.find(tx, &project)?;
            if next.role == Role::Owner {
                return Err(Problem {
                    field: Some("account"),
                    ..Problem::new(Code::Conflict, "You own it already. Choose somebody else.")
                });
            }
            usable(&next)?;
            let (before, actor) = (owner.member().account, owner.member().actor());
            rows::set_role(tx, project.id, before, Role::Admin)?;
            told_role(tx, &stamp, actor, &project, before, Role::Admin)?;
            rows::set_role(tx, project.id, next.account, Role::Owner)?;
            told_role(tx, &stamp, actor, &project, next.account, Role::Owner)?;
            Ok(next)
        })
        .await
}

/// Checks that somebody can own a project: a suspended person couldn't do anything with it.
pub(super) fn usable(member: &Row) -> Result<(), Problem> {
    if member.state == accounts::State::Active {
        return Ok(());
    }
    let detail = format!("The account of {} can't be used at the moment. Choose somebody else.", member.name);
    Err(Problem { field: Some("account"), ..Problem::new(Code::Conflict, detail) })
}

/// Makes somebody the owner of a project that has none.
pub(super) fn becomes_owner(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    project: &Project,
    account: AccountId,
) -> Result<(), Problem> {
    if rows::join(tx, project.id, account, Role::Owner, stamp.now)? {
        let what = What::MemberJoined {
            project: project.id,
            project_name: project.name.as_str().into(),
            role: Role::Owner,
        };
        return Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?);
    }
    rows::set_role(tx, project.id, account, Role::Owner)?;
    told_role(tx, stamp, actor, project, account, Role::Owner)
}

/// What ends in all projects when an account can't be used any more: it is suspended, or about to be removed.
///
/// # Errors
/// As the database has them.
pub fn gone(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    why: WhyUnused,
) -> Result<(), Problem> {
    stop_using_all(tx, stamp, actor, account, None, why)?;
    invitations::withdraw_all(tx, stamp, actor, account, None)
}
