//! A project's *Team*, in a browser: its people, who is invited, and which connections its builds use.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use domain::{ConnectionId, ConnectionKind, ConnectionState, ProjectId, Role};
use store::{accounts::State, connections::Connection, projects::Member as Row};

use super::{
    Member,
    connections::{self, Choices, OfKind, OfPerson},
    invitations,
    pages::{HERE, page_of},
    team,
    views::{
        AskPage, Head, InvitePage, InvitedPage, InvitedRow, KindRow, MemberPage, MemberRow, OptionRow,
        OwnRow, Part, Question, TeamPage, Warning,
    },
};
use crate::{
    access::{Fresh, SignedIn},
    problem::{Code, Problem},
    web::{
        form::Form,
        in_query,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of a project's team.
pub fn team_of(id: ProjectId) -> String {
    format!("{}/team", page_of(id))
}

/// What a kind of connection is called.
pub const fn kind(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::AppleId => "Apple ID",
        ConnectionKind::ApiKey => "API key",
    }
}

const fn state(state: ConnectionState) -> Option<&'static str> {
    match state {
        ConnectionState::Good => None,
        ConnectionState::Limited => Some("Apple lets it do less than builds may need"),
        ConnectionState::Refused => Some("Apple no longer takes it"),
    }
}

/// What somebody with this role may do.
pub const fn may(role: Role) -> &'static str {
    match role {
        Role::Viewer => "sees the project, its team and its builds",
        Role::Developer => "closes builds too, and tries the rules",
        Role::Admin => "changes the team, what lets builds in, and what they use, and offers connections",
        Role::Owner => "renames, hands over and removes the project too",
    }
}

/// The roles that can be given, the highest first.
fn roles(chosen: &str) -> Vec<Choice> {
    let choice = |role: Role, label: &str| Choice {
        value: role.code().into(),
        label: label.into(),
        hint: may(role).into(),
        chosen: role.code() == chosen,
    };
    vec![choice(Role::Admin, "Admin"), choice(Role::Developer, "Developer"), choice(Role::Viewer, "Viewer")]
}

fn member(visit: &Visit, person: &SignedIn, id: &str) -> Result<Member, Problem> {
    Member::of(&visit.app, &person.oneself(), id)
}

/// `GET /projects/{id}/team`.
pub async fn team(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    team_page(&visit, &person, member, None)
}

fn team_page(
    visit: &Visit,
    person: &SignedIn,
    member: Member,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let (app, here) = (&visit.app, team_of(member.project.id));
    let (admin, owner) = (member.role.administers(), member.role == Role::Owner);
    let members = team::list(app, &member)?.into_iter().map(|row| member_row(visit, &member, row));
    let choices = connections::choices(app, &member)?;
    let invited = match member.clone().admin() {
        Ok(admin) => invitations::list(app, &admin)?,
        Err(_) => Vec::new(),
    };
    let invited = invited.into_iter().map(|one| InvitedRow {
        id: one.invited.to_string(),
        role: one.role.code(),
        over: one.expires_at <= visit.now(),
        expires: visit.when(one.expires_at),
        invitation: one.id.to_string(),
    });
    let kinds: Vec<_> = choices
        .kinds
        .iter()
        .filter(|of| of.kind == ConnectionKind::ApiKey || !of.people.is_empty() || of.unused.is_some())
        .map(|of| kind_row(visit, &member, &choices, of))
        .collect();
    let own = choices.yours.iter().filter(|_| admin).map(|yours| OwnRow {
        value: yours.connection.id.to_string(),
        name: yours.connection.name.clone(),
        label: kind(yours.connection.kind),
        offered: yours.offered,
        take_back_href: format!("{here}/take-back/{}", yours.connection.id),
    });
    let view = TeamPage {
        frame: visit.frame(person, HERE),
        admin,
        owner,
        action: here.clone(),
        invite_href: format!("{here}/invite"),
        leave_href: format!("{here}/leave"),
        members: members.collect(),
        invited: invited.collect(),
        any: kinds.iter().any(|row| !row.options.is_empty()),
        both: kinds.iter().filter(|row| !row.options.is_empty()).count() > 1,
        kinds,
        own: own.collect(),
        connections_href: "/connections".into(),
        problem: about(problem, &["connection", ""]),
        project: Head::of(&member, Part::Team),
    };
    Ok(visit.show_again(&view, problem))
}

fn member_row(visit: &Visit, reader: &Member, row: Row) -> MemberRow {
    let oneself = row.account == reader.account;
    let changes = reader.role.administers() && row.role != Role::Owner && !oneself;
    MemberRow {
        name: row.display_name.as_str().into(),
        id: row.name.to_string(),
        role: row.role.code(),
        oneself,
        suspended: row.state == State::Suspended,
        joined: visit.when(row.joined_at),
        href: changes.then(|| format!("{}/member/{}", team_of(reader.project.id), row.account)),
    }
}

fn kind_row(visit: &Visit, reader: &Member, choices: &Choices, of: &OfKind) -> KindRow {
    let option = |person: &OfPerson, connection: &Connection| OptionRow {
        value: connection.id.to_string(),
        person: person.name.as_str().into(),
        name: connection.name.clone(),
        state: state(connection.state),
        chosen: of.in_use == Some(connection.id),
    };
    let options = of.people.iter().flat_map(|person| {
        person.offered.iter().map(move |connection| (person, connection)).collect::<Vec<_>>()
    });
    // Their own ones stand below, by name.
    let others = of.people.iter().filter(|person| person.keeps_some && person.account != reader.account);
    let takes_its_place = || {
        let yours = choices.yours.iter().filter(|yours| {
            yours.connection.kind == of.kind && yours.connection.state != ConnectionState::Refused
        });
        yours.max_by_key(|yours| yours.offered)
    };
    let warning = of.unused.as_ref().map(|unused| {
        let sentence = unused.sentence(reader.project.name.as_str());
        let what_to_do = match reader.role.administers() {
            true => "Choose another one.",
            false => "An admin of this project can choose another one.",
        };
        let own = takes_its_place().filter(|_| reader.role.administers());
        Warning {
            text: format!("{sentence} ({}). {what_to_do}", visit.when(unused.at).human),
            own: own
                .map(|yours| (yours.connection.id.to_string(), yours.connection.name.clone(), yours.offered)),
        }
    });
    KindRow {
        code: of.kind.code(),
        label: kind(of.kind),
        none: of.in_use.is_none(),
        options: options.map(|(person, connection)| option(person, connection)).collect(),
        not_offered: others.map(|person| person.name.as_str().to_owned()).collect(),
        warning,
    }
}

/// `POST /projects/{id}/team`: the page's own small forms, told apart by the button that sent them.
pub async fn post_team(
    mut visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    let here = team_of(member.project.id);
    if form.get("do") == "withdraw" {
        let admin = member.admin()?;
        let gone = invitations::withdraw(&visit.app, &visit.ctx, &admin, form.get("invitation")).await?;
        let text = format!("{} is no longer invited: the link has stopped working.", gone.invited);
        return Ok(visit.go(&here, NoticeKind::Success, &text));
    }
    let person = match person.fresh(visit.now()) {
        Err(problem) if problem.code == Code::ConfirmationNeeded => {
            return Ok(Redirect::to(&format!("/sign-in/confirm?next={}", in_query(&here))).into_response());
        }
        person => person?,
    };
    let admin = person.as_what(|_| member.clone().admin())?;
    let (app, connection) = (visit.app.clone(), form.get("connection"));
    let done = match form.get("do") {
        "renew" => {
            let made = invitations::renew(&app, &mut visit.ctx, &admin, form.get("invitation")).await?;
            return Ok(invited_page(&visit, person.who(), &member, made));
        }
        "offer" => connections::offer(&app, &visit.ctx, &admin, connection).await.map(|offered| {
            format!(
                "{} is offered to {}. Its admins can choose it.",
                offered.name,
                member.project.name.as_str()
            )
        }),
        "offer-and-use" => connections::offer_and_use(&app, &visit.ctx, &admin, connection)
            .await
            .map(|used| format!("Builds of {} use {} now.", member.project.name.as_str(), used.name)),
        "choose" => match chosen(&form) {
            Ok(choices) => connections::choose(&app, &visit.ctx, &admin, choices)
                .await
                .map(|()| format!("It is set what builds of {} use.", member.project.name.as_str())),
            Err(problem) => Err(problem),
        },
        _ => Err(Problem::new(Code::Unreadable, "Go back, and use the page's own buttons.")),
    };
    match done {
        Ok(text) => Ok(visit.go(&here, NoticeKind::Success, &text)),
        Err(problem) if problem.field == Some("connection") => {
            team_page(&visit, person.who(), member, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// What was chosen of each kind that the form asks for.
fn chosen(form: &Form) -> Result<Vec<connections::Choice>, Problem> {
    let mut choices = Vec::new();
    for kind in ConnectionKind::ALL {
        let connection = match form.get(kind.code()) {
            "" => continue,
            "none" => None,
            id => Some(id.parse::<ConnectionId>().map_err(|_| connections::not_offered())?),
        };
        choices.push((kind, connection));
    }
    Ok(choices)
}

/// `GET /projects/{id}/team/invite`.
pub async fn invite(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let member = member(&visit, person.who(), &id)?;
    member.clone().admin()?;
    Ok(invite_page(&visit, person.who(), &member, "", Role::Developer.code(), None))
}

fn invite_page(
    visit: &Visit,
    person: &SignedIn,
    member: &Member,
    id: &str,
    role: &str,
    problem: Option<&Problem>,
) -> Response {
    let here = team_of(member.project.id);
    let view = InvitePage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Team),
        action: format!("{here}/invite"),
        cancel_href: here,
        id: Field { value: id.into(), error: about(problem, &["id"]) },
        roles: roles(role),
        role_error: about(problem, &["role"]),
        mails: visit.app.config.mail.is_some(),
        problem: about(problem, &[""]),
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/{id}/team/invite`: the answer shows the link, this once.
pub async fn post_invite(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, person.who(), &id)?;
    let admin = person.as_what(|_| member.clone().admin())?;
    let made = match team::role_typed(form.get("role")) {
        Ok(role) => {
            invitations::invite(&visit.app.clone(), &mut visit.ctx, &admin, form.get("id"), role).await
        }
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => Ok(invited_page(&visit, person.who(), &member, made)),
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            Ok(invite_page(&visit, person.who(), &member, form.get("id"), form.get("role"), Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

fn invited_page(visit: &Visit, person: &SignedIn, member: &Member, made: invitations::Made) -> Response {
    let view = InvitedPage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Team),
        id: made.invitation.invited.to_string(),
        role: made.invitation.role.code(),
        link: made.link.expose().clone(),
        mailed: made.mailed,
        expires: visit.when(made.invitation.expires_at),
        team_href: team_of(member.project.id),
    };
    visit.show(&view)
}

/// `GET /projects/{id}/team/member/{account}`.
pub async fn one(
    visit: Visit,
    person: SignedIn,
    Path((id, account)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    member.clone().admin()?;
    let row = team::get(&visit.app, &member, &account)?;
    Ok(one_page(&visit, &person, &member, row, None))
}

fn one_page(
    visit: &Visit,
    person: &SignedIn,
    member: &Member,
    row: Row,
    problem: Option<&Problem>,
) -> Response {
    let team_href = team_of(member.project.id);
    let here = format!("{team_href}/member/{}", row.account);
    let view = MemberPage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Team),
        take_out_href: format!("{team_href}/take-out/{}", row.account),
        team_href,
        action: here,
        name: row.display_name.as_str().into(),
        id: row.name.to_string(),
        roles: roles(row.role.code()),
        error: about(problem, &["role", "account", ""]),
        oneself: row.account == member.account,
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/{id}/team/member/{account}`: gives them another role.
pub async fn post_one(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path((id, account)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, person.who(), &id)?;
    let admin = person.as_what(|_| member.clone().admin())?;
    let changed = match team::role_typed(form.get("role")) {
        Ok(role) => team::set_role(&visit.app, &visit.ctx, &admin, &account, role).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(row) => {
            let text = format!(
                "{} is {} of {} now.",
                row.display_name.as_str(),
                row.role.code(),
                member.project.name.as_str()
            );
            Ok(visit.go(&team_of(member.project.id), NoticeKind::Success, &text))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            let row = team::get(&visit.app, &member, &account)?;
            Ok(one_page(&visit, person.who(), &member, row, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// What builds use of somebody's.
fn used_of(visit: &Visit, member: &Member, account: domain::AccountId) -> Result<Vec<String>, Problem> {
    let choices = connections::choices(&visit.app, member)?;
    let of = choices.kinds.iter().flat_map(|of| of.people.iter().map(move |person| (of.in_use, person)));
    let used = of.filter(|(_, person)| person.account == account).flat_map(|(in_use, person)| {
        person.offered.iter().filter(move |one| in_use == Some(one.id)).map(|one| one.name.clone())
    });
    Ok(used.collect())
}

fn ask(
    visit: &Visit,
    person: &SignedIn,
    member: &Member,
    tail: &str,
    back: String,
    question: Question,
) -> Response {
    let view = AskPage {
        frame: visit.frame(person, HERE),
        name: member.project.name.as_str().into(),
        action: format!("{}/{tail}", page_of(member.project.id)),
        cancel_href: back,
        question,
    };
    visit.show(&view)
}

/// `GET /projects/{id}/team/take-out/{account}`.
pub async fn take_out(
    visit: Visit,
    person: SignedIn,
    Path((id, account)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    member.clone().admin()?;
    let row = team::get(&visit.app, &member, &account)?;
    let used = used_of(&visit, &member, row.account)?;
    let question = Question::TakeOut { name: row.display_name.as_str().into(), used };
    let (tail, back) = (format!("team/take-out/{}", row.account), team_of(member.project.id));
    Ok(ask(&visit, &person, &member, &tail, back, question))
}

/// `POST /projects/{id}/team/take-out/{account}`.
pub async fn post_take_out(
    visit: Visit,
    person: SignedIn,
    Path((id, account)): Path<(String, String)>,
    _form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    let (project, to) = (member.project.clone(), team_of(member.project.id));
    let gone = team::take_out(&visit.app, &visit.ctx, &member.admin()?, &account).await?;
    let text =
        format!("{} is no longer in the team of {}.", gone.display_name.as_str(), project.name.as_str());
    Ok(visit.go(if gone.account == person.account.id { HERE } else { &to }, NoticeKind::Success, &text))
}

/// `GET /projects/{id}/team/leave`.
pub async fn leave(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    let question = Question::Leave { used: used_of(&visit, &member, member.account)? };
    let back = team_of(member.project.id);
    Ok(ask(&visit, &person, &member, "team/leave", back, question))
}

/// `POST /projects/{id}/team/leave`.
pub async fn post_leave(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    team::leave(&visit.app, &visit.ctx, &member).await?;
    let text = format!("You have left {}.", member.project.name.as_str());
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// `GET /projects/{id}/team/take-back/{connection}`.
pub async fn take_back(
    visit: Visit,
    person: SignedIn,
    Path((id, connection)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    let choices = connections::choices(&visit.app, &member)?;
    let yours =
        choices.yours.into_iter().find(|one| one.offered && one.connection.id.to_string() == connection);
    let yours = yours.ok_or_else(Problem::not_found)?;
    let question = Question::TakeBack { name: yours.connection.name, used: yours.in_use };
    let (tail, back) = (format!("team/take-back/{}", yours.connection.id), team_of(member.project.id));
    Ok(ask(&visit, &person, &member, &tail, back, question))
}

/// `POST /projects/{id}/team/take-back/{connection}`.
pub async fn post_take_back(
    visit: Visit,
    person: SignedIn,
    Path((id, connection)): Path<(String, String)>,
    _form: Form,
) -> Result<Response, Problem> {
    let member = member(&visit, &person, &id)?;
    let taken = connections::take_back(&visit.app, &visit.ctx, &member, &connection).await?;
    let text = format!("{} is no longer offered to {}.", taken.name, member.project.name.as_str());
    Ok(visit.go(&team_of(member.project.id), NoticeKind::Success, &text))
}
