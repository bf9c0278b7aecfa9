//! Invitations to a project's team: a link that works once, and only for the account that the invitation names. So a link that got into
//! wrong hands opens nothing. Nothing that is answered to who invites says whether there is such an account.

use domain::{AccountId, AccountName, Actor, InvitationId, ProjectId, Role, Secret, Timestamp, What};
use store::{
    Conn, Tx, accounts,
    events::{self, Filter},
    mails::{self, Mail},
    project_invitations::{self as rows, Invitation},
    projects::{self, Project},
};

use super::{Member, ProjectAdmin, life, team};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    mail::{self, letter::Letter},
    problem::{Code, Problem},
    secrets,
};

/// For how many days an invitation can be accepted.
pub const DAYS: i64 = 7;

/// How many invitations to a project there are at most.
pub const OPEN_MOST: usize = 100;
/// How many invitations somebody makes within a day, and how many of them to one ID are mailed.
const A_DAY: i64 = 200;
const A_DAY_TO_ONE: usize = 5;

/// An invitation that was just made, with its link.
pub struct Made {
    /// The invitation.
    pub invitation: Invitation,
    /// The whole address, this once.
    pub link: Secret<String>,
    /// Whether it is mailed to the ID that is invited.
    pub mailed: bool,
}

/// What is written of an invitation that is being made.
struct New {
    row: Invitation,
    hash: [u8; 32],
    mail: Option<Mail>,
    link: Secret<String>,
}

impl New {
    fn make(app: &App, ctx: &mut Ctx, by: &SignedInAs<'_>, invited: AccountName, role: Role) -> Self {
        let (now, token) = (ctx.stamp.now, secrets::token(&mut ctx.rng));
        let row = Invitation {
            id: InvitationId::new(now, &mut ctx.rng),
            project: by.project.id,
            invited,
            role,
            made_by: by.account,
            created_at: now,
            expires_at: now.plus_days(DAYS),
        };
        let (server, project) = (app.config.http.public_url.as_str(), by.project.name.as_str());
        let link =
            Secret::new(format!("{}/project-invitation/{}", app.config.http.public_url, token.expose()));
        let invited = row.invited.as_str();
        let letter = Letter::project_invitation(
            server,
            project,
            (by.name, role.code()),
            invited,
            link.expose(),
            row.expires_at,
        );
        let mail = mail::new(app, ctx, None, invited, &letter, row.expires_at);
        Self { row, hash: secrets::hash(token.expose()), mail, link }
    }

    fn hand_on(self, app: &App, mailed: bool) -> Made {
        if mailed {
            app.mailer.wake();
        }
        Made { invitation: self.row, link: self.link, mailed }
    }
}

/// Who invites, and to what.
struct SignedInAs<'a> {
    project: &'a Project,
    account: AccountId,
    name: &'a str,
}

/// Those who are invited, in the order in which they were; also when their time is over.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, admin: &ProjectAdmin) -> Result<Vec<Invitation>, Problem> {
    Ok(app.store.read(|conn| rows::of_project(conn, admin.member().project.id))?)
}

/// Invites somebody to the team, in a role below the owner's. An earlier invitation of the same ID is taken back.
///
/// # Errors
/// `unfit` at `id`; `conflict` at `id` when a member has just this ID, without a field when there are too many invitations.
pub async fn invite(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<ProjectAdmin>,
    id: &str,
    role: Role,
) -> Result<Made, Problem> {
    let invited = AccountName::parse(id, app.default_domain())
        .map_err(|error| Problem::field("id", format!("That can't be an ID: {error}.")))?;
    make(app, ctx, admin, invited, role, None).await
}

async fn make(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<ProjectAdmin>,
    invited: AccountName,
    role: Role,
    renewed: Option<InvitationId>,
) -> Result<Made, Problem> {
    let (admin, stamp) = (admin.who().clone(), ctx.stamp.clone());
    let member = admin.member();
    let by = app.store.read(|conn| accounts::by_id(conn, member.account))?;
    let name = by.map_or_else(String::new, |account| account.display_name.as_str().to_owned());
    let by = SignedInAs { project: &member.project, account: member.account, name: &name };
    let new = New::make(app, ctx, &by, invited, role);
    let (row, hash, mail) = (new.row.clone(), new.hash, new.mail.clone());
    let mailed = app
        .store
        .write(move |tx| {
            let project = admin.may_give(tx)?;
            let mailable = may_be_mailed(tx, &stamp, &admin, &row.invited)?;
            let open = rows::of_project(tx, project.id)?;
            match renewed {
                Some(id) if !open.iter().any(|one| one.id == id) => return Err(no_invitation()),
                Some(_) => {}
                None => {
                    not_in_team(tx, &project, &row.invited)?;
                    let others = open.iter().filter(|one| one.invited != row.invited).count();
                    if others >= OPEN_MOST {
                        let detail = format!(
                            "There are {OPEN_MOST} invitations to this project, the most there can be. Withdraw one that isn't needed."
                        );
                        return Err(Problem::new(Code::Conflict, detail));
                    }
                }
            }
            rows::insert(tx, &row, &hash)?;
            let mail = mail.as_ref().filter(|_| mailable);
            if let Some(mail) = mail {
                mails::insert(tx, mail)?;
            }
            let what = What::MemberInvited {
                project: project.id,
                project_name: project.name.as_str().into(),
                invited: row.invited.to_string(),
                role: row.role,
            };
            life::tell(tx, &stamp, admin.member(), what)?;
            Ok(mail.is_some())
        })
        .await?;
    Ok(new.hand_on(app, mailed))
}

/// Whether the invitation may be mailed too: it is a letter to an address that nobody here need know, so one address gets few within a day.
///
/// # Errors
/// `too-many-attempts` when they have made too many to whomever.
fn may_be_mailed(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    admin: &ProjectAdmin,
    invited: &AccountName,
) -> Result<bool, Problem> {
    let by = Filter {
        actor: Some(admin.member().actor()),
        kind: Some("member_invited".into()),
        from: Some(stamp.now.plus_days(-1)),
        ..Filter::default()
    };
    let lately = events::newest(tx, &by, i64::MAX, A_DAY + 1)?;
    let to_them = lately.iter().filter(
        |event| matches!(&event.what, What::MemberInvited { invited: one, .. } if *one == invited.as_str()),
    );
    if lately.len() >= usize::try_from(A_DAY).unwrap_or(usize::MAX) {
        let detail =
            format!("You have made {A_DAY} invitations within a day, the most there can be. Go on tomorrow.");
        return Err(Problem {
            retry_after: Some(24 * 60 * 60),
            ..Problem::new(Code::TooManyAttempts, detail)
        });
    }
    Ok(to_them.count() < A_DAY_TO_ONE)
}

/// Only by the ID that the whole team sees: an alias would tell whose it is.
fn not_in_team(tx: &mut Tx<'_>, project: &Project, invited: &AccountName) -> Result<(), Problem> {
    let Some(account) = accounts::by_name(tx, invited)?.filter(|account| account.name == *invited) else {
        return Ok(());
    };
    match projects::member_of(tx, project.id, account.id)? {
        None => Ok(()),
        Some(_) => {
            let detail = format!("{invited} is in the team already.");
            Err(Problem { code: Code::Conflict, ..Problem::field("id", detail) })
        }
    }
}

/// Makes a new link for an invitation, with another week to accept it; the one before stops working.
///
/// # Errors
/// `not-found`.
pub async fn renew(app: &App, ctx: &mut Ctx, admin: &Fresh<ProjectAdmin>, id: &str) -> Result<Made, Problem> {
    let found = app.store.read(|conn| find(conn, admin.who(), id))?;
    make(app, ctx, admin, found.invited, found.role, Some(found.id)).await
}

/// Takes an invitation back, and tells whose it was.
///
/// # Errors
/// `not-found`.
pub async fn withdraw(app: &App, ctx: &Ctx, admin: &ProjectAdmin, id: &str) -> Result<Invitation, Problem> {
    let (stamp, admin, id) = (ctx.stamp.clone(), admin.clone(), id.to_owned());
    app.store
        .write(move |tx| {
            admin.still(tx)?;
            let found = find(tx, &admin, &id)?;
            take_back(tx, &stamp, admin.member().actor(), &found)?;
            Ok(found)
        })
        .await
}

fn find(conn: &mut Conn, admin: &ProjectAdmin, id: &str) -> Result<Invitation, Problem> {
    let found = id.parse().ok().map(|id| rows::by_id(conn, id)).transpose()?.flatten();
    found.filter(|one| one.project == admin.member().project.id).ok_or_else(no_invitation)
}

fn no_invitation() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such invitation any more: it was accepted, or taken back. Look at the team again.",
    )
}

fn take_back(tx: &mut Tx<'_>, stamp: &Stamp, actor: Actor, invitation: &Invitation) -> Result<(), Problem> {
    rows::delete(tx, invitation.id)?;
    let Some(project) = projects::by_id(tx, invitation.project)? else { return Ok(()) };
    let what = What::InvitationWithdrawn {
        project: project.id,
        project_name: project.name.as_str().into(),
        invited: invitation.invited.to_string(),
    };
    Ok(events::append(tx, stamp.now, stamp.event(Some(invitation.made_by), actor, what))?)
}

/// Takes back what somebody has invited to: in a project, or in all. Whoever can't invite any more shall not be able to leave somebody
/// behind.
///
/// # Errors
/// As the database has them.
pub(super) fn withdraw_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    project: Option<ProjectId>,
) -> Result<(), Problem> {
    for invitation in rows::made_by(tx, account)? {
        if project.is_none_or(|project| project == invitation.project) {
            take_back(tx, stamp, actor, &invitation)?;
        }
    }
    Ok(())
}

/// What a link opens to the one who is invited.
pub struct Opened {
    /// The project.
    pub project: Project,
    /// The role that they get.
    pub role: Role,
    /// What the one is called who invites.
    pub by: String,
}

/// What this token invites the person to.
///
/// # Errors
/// `link-spent` when it doesn't invite them: also when it invites somebody else.
pub fn open(app: &App, now: Timestamp, person: &SignedIn, token: &str) -> Result<Opened, Problem> {
    let hash = secrets::hash(token);
    app.store.read(|conn| {
        let found = of_person(conn, &hash, now, person.account.id)?;
        let project = projects::by_id(conn, found.project)?.ok_or_else(not_invited)?;
        let by = accounts::by_id(conn, found.made_by)?.ok_or_else(not_invited)?;
        Ok(Opened { project, role: found.role, by: by.display_name.as_str().into() })
    })
}

fn of_person(
    conn: &mut Conn,
    hash: &[u8; 32],
    now: Timestamp,
    account: AccountId,
) -> Result<Invitation, Problem> {
    let found = rows::by_token(conn, hash, now)?.ok_or_else(not_invited)?;
    let whose = accounts::by_name(conn, &found.invited)?;
    if whose.is_some_and(|whose| whose.id == account) { Ok(found) } else { Err(not_invited()) }
}

fn not_invited() -> Problem {
    Problem::new(
        Code::LinkSpent,
        "This link doesn't invite the account that you are signed in with: it is for another one, it has been used or taken back, \
         or its time is over. Sign in with the ID that was invited, or ask whoever invited you for a new link.",
    )
}

/// Joins the team as the invitation says, which is spent by it. Who is in the team already stays in it as they are.
///
/// # Errors
/// `link-spent` when it doesn't invite them; `conflict` when there is no room in the team, or they are in too many.
pub async fn accept(app: &App, ctx: &Ctx, person: &SignedIn, token: &str) -> Result<Member, Problem> {
    let (stamp, hash) = (ctx.stamp.clone(), secrets::hash(token));
    let (account, session) = (person.account.id, person.session.id);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            let found = of_person(tx, &hash, stamp.now, account)?;
            let project = projects::by_id(tx, found.project)?.ok_or_else(not_invited)?;
            rows::delete(tx, found.id)?;
            if let Some(member) = projects::member_of(tx, project.id, account)? {
                return Ok(Member { project, account, role: member.role });
            }
            if projects::count_members(tx, project.id)? >= team::MEMBERS_MOST {
                let detail = format!(
                    "There are {} people in the team of {}, the most there can be. Tell whoever invited you.",
                    team::MEMBERS_MOST,
                    project.name.as_str()
                );
                return Err(Problem::new(Code::Conflict, detail));
            }
            life::room_in_teams(projects::count_of_account(tx, account)?.0)?;
            projects::join(tx, project.id, account, found.role, stamp.now)?;
            let what = What::MemberJoined {
                project: project.id,
                project_name: project.name.as_str().into(),
                role: found.role,
            };
            let member = Member { project, account, role: found.role };
            life::tell(tx, &stamp, &member, what)?;
            Ok(member)
        })
        .await
}
