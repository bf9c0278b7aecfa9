//! Project tokens: for CIs that sign no identity tokens. Whoever has one opens builds of its project, and nothing else.

use domain::{
    AccountName, Label, MachineToken, ProjectTokenId, Role, SessionId, Timestamp, TokenKind, What,
    WhyBuildEnded,
};
use store::{
    Conn, DbError, accounts, builds, events,
    project_tokens::{self as rows, ProjectToken},
    projects,
};

use super::close;
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    app_passwords,
    ctx::Ctx,
    problem::{Code, Problem},
    projects::{Member, ProjectAdmin},
    secrets,
};

/// How many tokens of a project may work at a time.
pub const TOKENS_MAX: usize = 25;
/// How long one works at most, in days.
const LONGEST_DAYS: i64 = 366;
/// How long one works if nothing is said.
pub const EXPIRES: &str = "90d";

/// What is asked about a new token.
pub struct New {
    /// What it is called.
    pub label: Label,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl New {
    /// Reads what was typed; an empty `expires` stands for 90 days.
    ///
    /// # Errors
    /// `unfit`, at the field `label` or `expires`.
    pub fn parse(label: &str, expires: &str, now: Timestamp) -> Result<Self, Problem> {
        let label =
            Label::parse(label).map_err(|error| Problem::field("label", format!("The label {error}.")))?;
        let expires = if expires.trim().is_empty() { EXPIRES } else { expires };
        let days = app_passwords::days(expires).filter(|days| *days <= LONGEST_DAYS).ok_or_else(|| {
            let detail = "Say when it expires as in 30d, 12w or 1y: at least a day, at most a year.";
            Problem::field("expires", detail)
        })?;
        Ok(Self { label, expires_at: now.plus_days(days) })
    }
}

/// A token, and who made it: they may have kept a copy.
pub struct Listed {
    /// The token.
    pub token: ProjectToken,
    /// Their ID; none when their account was removed.
    pub made_by: Option<AccountName>,
    /// Whether they could make one today: they have admin authority in the project, and their account can be used.
    pub maker_administers: bool,
}

impl Listed {
    fn read(conn: &mut Conn, token: ProjectToken) -> Result<Self, DbError> {
        let made_by = accounts::by_id(conn, token.made_by)?.map(|account| account.name);
        let role = projects::role(conn, token.project, token.made_by)?;
        Ok(Self { made_by, maker_administers: role.is_some_and(Role::administers), token })
    }
}

/// The project's tokens, the newest first; those that expired stay for a month.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, member: &Member) -> Result<Vec<Listed>, Problem> {
    Ok(app.store.read(|conn| {
        let tokens = rows::of_project(conn, member.project.id)?;
        tokens.into_iter().map(|token| Listed::read(conn, token)).collect::<Result<_, DbError>>()
    })?)
}

/// Makes a token. The token itself is in the answer and nowhere else.
///
/// # Errors
/// `too-many-tokens`, `role-needed`.
pub async fn make(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    admin: &ProjectAdmin,
    new: New,
) -> Result<(Listed, MachineToken), Problem> {
    let (stamp, admin, session) = (ctx.stamp.clone(), admin.clone(), person.who().session.id);
    let secret = MachineToken::generate(TokenKind::Project, &mut ctx.rng);
    let hash = secrets::hash(secret.expose());
    let token = ProjectToken {
        id: ProjectTokenId::new(stamp.now, &mut ctx.rng),
        project: admin.member().project.id,
        label: new.label,
        made_by: admin.member().account,
        created_at: stamp.now,
        expires_at: new.expires_at,
        last_use: None,
    };
    let row = token;
    let listed = app
        .store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            admin.may_give(tx)?;
            let member = admin.member();
            if rows::count_live(tx, row.project, stamp.now)? >= TOKENS_MAX {
                return Err(Problem::new(
                    Code::TooManyTokens,
                    "This project has 25 tokens, the most there can be. Revoke one that is no longer used.",
                ));
            }
            rows::insert(tx, &row, &hash)?;
            let what = What::ProjectTokenMade {
                project: row.project,
                project_name: member.project.name.as_str().into(),
                id: row.id,
                label: row.label.as_str().into(),
                expires_at: row.expires_at,
            };
            events::append(tx, stamp.now, stamp.event(Some(member.account), member.actor(), what))?;
            Ok(Listed::read(tx, row.clone())?)
        })
        .await?;
    Ok((listed, secret))
}

/// Revokes a token for good, and ends the builds that it opened. Gives what it was, and how many those were. It asks for no fresh second factor:
/// what takes something back must be easy.
///
/// # Errors
/// `not-found`, `role-needed`.
pub async fn revoke(
    app: &App,
    ctx: &Ctx,
    session: SessionId,
    admin: &ProjectAdmin,
    id: ProjectTokenId,
) -> Result<(ProjectToken, u64), Problem> {
    let (stamp, admin) = (ctx.stamp.clone(), admin.clone());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            admin.still(tx)?;
            let member = admin.member();
            let token = rows::by_id(tx, id)?.filter(|token| token.project == member.project.id);
            let token = token.ok_or_else(Problem::not_found)?;
            rows::delete(tx, id)?;
            let what = What::ProjectTokenRevoked {
                project: token.project,
                project_name: member.project.name.as_str().into(),
                id,
                label: token.label.as_str().into(),
            };
            events::append(tx, stamp.now, stamp.event(Some(member.account), member.actor(), what))?;
            let open = builds::opened_by(tx, &id.to_string())?;
            let ended = close::end_all(tx, &stamp, &open, WhyBuildEnded::ProofTakenBack, member.actor())?;
            Ok((token, ended))
        })
        .await
}
