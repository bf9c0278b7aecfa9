//! *People*, in a browser, for administrators.

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::Response,
};
use domain::{ACTIVE_APP_PASSWORDS_MAX, GroupName};
use serde::Deserialize;
use store::{accounts::State, people::Person};

use super::{
    ALIASES_MAX, Asked, Changes, Invitee,
    import::{self, Outcome},
    views::{
        About, AskPage, GroupOf, ImportPage, ImportedPage, InvitePage, LinkPage, ListPage, PersonPage,
        PersonRow, Question, ResetLinkPage, SignEverybodyOutPage, StateBadge, Undelivered,
    },
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    accounts::{
        NewAccount, invitations,
        links::{self, Handed},
    },
    groups,
    problem::{Code, Problem},
    web::{
        form::Form,
        in_query,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

const HERE: &str = "/people";

/// What is looked for, and after whom.
#[derive(Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

const fn badge(state: State) -> StateBadge {
    match state {
        State::Active => StateBadge::Active,
        State::Invited => StateBadge::Invited,
        State::Suspended => StateBadge::Suspended,
    }
}

/// By the account's own id: a page that is open while an ID goes to somebody else still means the one whom it showed.
fn page_of(person: &Person) -> String {
    format!("{HERE}/at/{}", person.id)
}

/// `GET /people`.
pub async fn list(
    visit: Visit,
    person: SignedIn,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let ListQuery { q, after } = query.map(|Query(query)| query).unwrap_or_default();
    let asked = Asked { look_for: q.clone(), after: after.clone(), limit: super::PAGE };
    let page = super::list(&visit.app, &visit.ctx, &person.admin()?, asked).await?;
    let rows = page.people.iter().map(|person| PersonRow {
        name: person.display_name.as_str().into(),
        id: person.name.to_string(),
        href: page_of(person),
        state: badge(person.state),
        invitation_over: person.state == State::Invited && person.link_expires_at.is_none(),
        mail_given_up: person.mail_given_up_at.is_some(),
        administrator: person.administrator,
        groups: person.groups.iter().map(ToString::to_string).collect(),
        two_factor: person.two_factor_since.is_some(),
        app_passwords: person.app_passwords,
        signed_in: person.signed_in_at.map(|at| visit.when(at)),
    });
    let first = format!("{HERE}?q={}", in_query(&q));
    let next = page.next.map(|next| format!("{first}&after={}", in_query(&next)));
    let view = ListPage {
        frame: visit.frame(&person, HERE),
        invite_href: format!("{HERE}/invite"),
        import_href: format!("{HERE}/import"),
        search_action: HERE.into(),
        rows: rows.collect(),
        sign_out_href: format!("{HERE}/sign-out"),
        first_href: (!after.is_empty()).then_some(first),
        next_href: next,
        look_for: q.trim().into(),
    };
    Ok(visit.show(&view))
}

/// `GET /people/invite`.
pub async fn invite(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    invite_page(&visit, &person, ["", "", ""], false, &[], None)
}

fn invite_page(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    [id, name, aliases]: [&str; 3],
    administrator: bool,
    chosen: &[&str],
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let field = |value: &str, name| Field { value: value.into(), error: about(problem, &[name]) };
    let groups = groups::list(&visit.app, person.admin()?.who())?.into_iter().map(|listed| {
        let name = listed.group.name.to_string();
        Choice {
            chosen: chosen.contains(&name.as_str()),
            label: name.clone(),
            value: name,
            hint: String::new(),
        }
    });
    let view = InvitePage {
        groups: groups.collect(),
        groups_error: about(problem, &["groups"]),
        frame: visit.frame(person.who(), HERE),
        action: format!("{HERE}/invite"),
        cancel_href: HERE.into(),
        id: field(id, "id"),
        name: field(name, "name"),
        aliases: field(aliases, "aliases"),
        administrator,
        mails: visit.app.config.mail.is_some(),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /people/invite`: the answer shows the link, this once.
pub async fn post_invite(mut visit: Visit, person: Fresh<SignedIn>, form: Form) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let (typed, administrator) =
        (["id", "name", "aliases"].map(|name| form.get(name)), form.ticked("administrator"));
    let [id, name, aliases] = typed;
    let invitee = NewAccount::parse(&visit.app, id, name, administrator)
        .and_then(|new| Invitee::parse(&visit.app, new, aliases.split_whitespace(), form.all("group")));
    let invited = match invitee {
        Ok(invitee) => {
            super::invite(&visit.app, &mut visit.ctx, &admin, invitee, form.ticked("show_link")).await
        }
        Err(problem) => Err(problem),
    };
    match invited {
        Ok((invited, handed)) => {
            Ok(link_page(&visit, person.who(), &invited, handed, "set their password and sign in"))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            let chosen: Vec<_> = form.all("group").collect();
            invite_page(&visit, &person, typed, administrator, &chosen, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /people/import`.
pub async fn import(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    person.admin()?;
    Ok(import_page(&visit, person.who(), "id,name\n", None, None))
}

fn import_page(
    visit: &Visit,
    person: &SignedIn,
    csv: &str,
    fine: Option<usize>,
    problem: Option<&Problem>,
) -> Response {
    let wrong = about(problem, &["csv"]).unwrap_or_default();
    let view = ImportPage {
        frame: visit.frame(person, HERE),
        action: format!("{HERE}/import"),
        cancel_href: HERE.into(),
        csv: csv.into(),
        wrong: wrong.lines().map(str::to_owned).collect(),
        fine,
        most: import::MOST,
    };
    visit.show_again(&view, problem)
}

/// `POST /people/import`: the answer shows everybody's link, this once.
pub async fn post_import(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    form: Form<{ import::BODY_MOST }>,
) -> Result<Response, Problem> {
    let (admin, csv) = (person.admin()?, form.get("csv"));
    let done = match form.get("do") {
        "check" => import::check(&visit.app, admin.who(), csv).await.and_then(|lines| {
            import::refuse_wrong(&lines)?;
            Ok(import_page(&visit, person.who(), csv, Some(lines.len()), None))
        }),
        _ => import::import(&visit.app, &mut visit.ctx, &admin, csv, false).await.map(|lines| {
            let (mut expires, count) = (None, lines.len());
            let links = lines.into_iter().filter_map(|line| match line.outcome {
                Outcome::Invited(handed) => {
                    expires = Some(visit.when(handed.expires_at));
                    handed.link.map(|link| (line.id, link.expose().clone()))
                }
                Outcome::Fine | Outcome::Wrong(_) => None,
            });
            let links = links.collect();
            let frame = visit.frame(person.who(), HERE);
            visit.show(&ImportedPage { frame, count, links, expires, list_href: HERE.into() })
        }),
    };
    match done {
        Err(problem) if problem.field == Some("csv") => {
            Ok(import_page(&visit, person.who(), csv, None, Some(&problem)))
        }
        done => done,
    }
}

fn link_page(visit: &Visit, person: &SignedIn, whose: &Person, handed: Handed, does: &str) -> Response {
    let view = LinkPage {
        frame: visit.frame(person, HERE),
        name: whose.display_name.as_str().into(),
        id: whose.name.to_string(),
        link: handed.link.map(|link| link.expose().clone()),
        mailed_to: handed.mailed_to,
        does: does.into(),
        expires: visit.when(handed.expires_at),
        person_href: page_of(whose),
    };
    visit.show(&view)
}

/// `GET /people/at/{who}`.
pub async fn person(visit: Visit, person: SignedIn, Path(who): Path<String>) -> Result<Response, Problem> {
    let shown = super::get(&visit.app, &visit.ctx, &person.admin()?, &who)?;
    person_page(&visit, &person, shown, ["", ""], None)
}

fn person_page(
    visit: &Visit,
    person: &SignedIn,
    shown: Person,
    [display_name, alias]: [&str; 2],
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = page_of(&shown);
    let admin = person.admin()?;
    let mail = super::undelivered(&visit.app, &admin, &shown)?;
    let groups = groups::list(&visit.app, &admin)?;
    let (its, others): (Vec<_>, Vec<_>) =
        groups.into_iter().map(|listed| listed.group.name).partition(|name| shown.groups.contains(name));
    let group = |name: &GroupName| GroupOf {
        name: name.to_string(),
        href: format!("/groups/at/{name}"),
        leave_href: format!("/groups/at/{name}/leave/{}?to=person", in_query(shown.name.as_str())),
    };
    let (name_error, alias_error) = (about(problem, &["display_name"]), about(problem, &["alias"]));
    let called = if name_error.is_some() { display_name } else { shown.display_name.as_str() };
    let view = PersonPage {
        frame: visit.frame(person, HERE),
        about: About {
            id: shown.name.to_string(),
            state: badge(shown.state),
            two_factor: shown.two_factor_since.map(|at| visit.when(at)),
            app_passwords: shown.app_passwords,
            signed_in: shown.signed_in_at.map(|at| visit.when(at)),
            made: visit.when(shown.created_at),
        },
        limit: ACTIVE_APP_PASSWORDS_MAX,
        administrator: shown.administrator,
        oneself: shown.id == person.account.id,
        list_href: HERE.into(),
        action: here.clone(),
        display_name: Field { value: called.into(), error: name_error },
        aliases: shown.aliases.iter().map(ToString::to_string).collect(),
        alias: (shown.aliases.len() < ALIASES_MAX).then(|| Field { value: alias.into(), error: alias_error }),
        any_group: !its.is_empty() || !others.is_empty(),
        groups: its.iter().map(group).collect(),
        joinable: others.iter().map(ToString::to_string).collect(),
        group_error: about(problem, &["group"]),
        link_expires: shown.link_expires_at.map(|at| visit.when(at)),
        mail: mail.map(|mail| Undelivered {
            since: visit.when(mail.given_up_at.unwrap_or(mail.created_at)),
            given_up: mail.given_up_at.is_some(),
            about: mail.about,
            why: mail.answer.unwrap_or_default(),
        }),
        invite_link_href: format!("{here}/invite-link"),
        reset_link_href: format!("{here}/reset-link"),
        administrator_href: format!("{here}/administrator"),
        sign_out_href: format!("{here}/sign-out"),
        suspend_href: format!("{here}/suspend"),
        remove_href: format!("{here}/remove"),
        name: shown.display_name.as_str().into(),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /people/at/{who}`: the page's own small forms, told apart by the button that sent them.
pub async fn post_person(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let (app, ctx) = (&visit.app, &visit.ctx);
    let done = match form.get("do") {
        "join" => join(&visit, &admin, &who, form.get("group")).await,
        "name" => match Changes::parse(Some(form.get("display_name")), None) {
            Ok(changes) => super::edit(app, ctx, &admin, &who, changes).await,
            Err(problem) => Err(problem),
        },
        "add-alias" => super::add_alias(app, ctx, &admin, &who, form.get("alias")).await,
        "remove-alias" => super::remove_alias(app, ctx, &admin, &who, form.get("alias")).await,
        "resume" => super::resume(app, ctx, &admin, &who).await,
        _ => Err(Problem::new(Code::Unreadable, "Go back, and use the page's own buttons.")),
    };
    match done {
        Ok(changed) => {
            let text = match form.get("do") {
                "join" => format!("{} is in {} now.", changed.name, form.get("group")),
                "name" => format!("{} is called {} now.", changed.name, changed.display_name.as_str()),
                "add-alias" => {
                    format!("{} signs {} in too.", form.get("alias"), changed.display_name.as_str())
                }
                "remove-alias" => {
                    format!("{} no longer signs {} in.", form.get("alias"), changed.display_name.as_str())
                }
                _ => format!(
                    "{} can sign in again, and so can the apps with their app-specific passwords.",
                    changed.display_name.as_str()
                ),
            };
            Ok(visit.go(&page_of(&changed), NoticeKind::Success, &text))
        }
        Err(problem) if problem.field.is_some() => {
            let shown = super::get(app, ctx, admin.who(), &who)?;
            let typed = [form.get("display_name"), form.get("alias")];
            person_page(&visit, person.who(), shown, typed, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// Puts somebody into a group, and gives them as they are then.
async fn join(visit: &Visit, admin: &Fresh<Admin>, who: &str, group: &str) -> Result<Person, Problem> {
    if group.is_empty() {
        return Err(Problem::field("group", "Choose a group."));
    }
    let person = super::get(&visit.app, &visit.ctx, admin.who(), who)?;
    match groups::join(&visit.app, &visit.ctx, admin, group, person.name.as_str()).await {
        Ok(_) => super::get(&visit.app, &visit.ctx, admin.who(), who),
        // Somebody has removed it since the page was made; the person is there.
        Err(problem) if problem.code == Code::NotFound && problem.field.is_none() => {
            Err(Problem::field("group", format!("There is no group {group} any more. Choose another.")))
        }
        Err(problem) => Err(problem),
    }
}

/// A page that asks once.
fn ask(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    who: &str,
    part: &str,
    question: impl FnOnce(&Person) -> Question,
) -> Result<Response, Problem> {
    let asked = super::get(&visit.app, &visit.ctx, person.admin()?.who(), who)?;
    let here = page_of(&asked);
    let view = AskPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{here}/{part}"),
        cancel_href: here,
        question: question(&asked),
        name: asked.display_name.as_str().into(),
        id: asked.name.to_string(),
        app_passwords: asked.app_passwords,
        mails: visit.app.config.mail.is_some(),
    };
    Ok(visit.show(&view))
}

/// `GET /people/at/{who}/sign-out`.
pub async fn sign_out(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    ask(&visit, &person, &who, "sign-out", |_| Question::SignOut)
}

/// `POST /people/at/{who}/sign-out`.
pub async fn post_sign_out(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let signed_out = super::sign_out::one(&visit.app, &visit.ctx, &admin, &who).await?;
    let text = format!("{} is signed out everywhere.", signed_out.display_name.as_str());
    Ok(visit.go(&page_of(&signed_out), NoticeKind::Success, &text))
}

/// `GET /people/sign-out`.
pub async fn sign_everybody_out(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    person.admin()?;
    let view = SignEverybodyOutPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{HERE}/sign-out"),
        cancel_href: HERE.into(),
    };
    Ok(visit.show(&view))
}

/// `POST /people/sign-out`.
pub async fn post_sign_everybody_out(
    visit: Visit,
    person: Fresh<SignedIn>,
    _form: Form,
) -> Result<Response, Problem> {
    super::sign_out::everybody(&visit.app, &visit.ctx, &person.admin()?).await?;
    Ok(visit.go("/sign-in", NoticeKind::Success, "Everybody is signed out. Sign in again."))
}

/// `GET /people/at/{who}/suspend`.
pub async fn suspend(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    ask(&visit, &person, &who, "suspend", |_| Question::Suspend)
}

/// `POST /people/at/{who}/suspend`.
pub async fn post_suspend(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let suspended = super::suspend(&visit.app, &visit.ctx, &person.admin()?, &who).await?;
    let text = format!("{} is suspended, and signed out everywhere.", suspended.display_name.as_str());
    Ok(visit.go(&page_of(&suspended), NoticeKind::Success, &text))
}

/// `GET /people/at/{who}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    let question = |asked: &Person| match asked.state {
        State::Invited => Question::Withdraw,
        State::Active | State::Suspended => Question::Remove,
    };
    ask(&visit, &person, &who, "remove", question)
}

/// `POST /people/at/{who}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let removed = super::get(&visit.app, &visit.ctx, admin.who(), &who)?;
    super::remove(&visit.app, &visit.ctx, &admin, &who).await?;
    let text = format!("The account {} is removed.", removed.name);
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// `GET /people/at/{who}/administrator`.
pub async fn administrator(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    let question = |asked: &Person| match asked.administrator {
        true => Question::UnmakeAdministrator,
        false => Question::MakeAdministrator,
    };
    ask(&visit, &person, &who, "administrator", question)
}

/// `POST /people/at/{who}/administrator`: `make` says which of the two was asked.
pub async fn post_administrator(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let make = match form.get("make") {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::new(Code::Unreadable, "Go back, and use the page's own buttons.")),
    };
    let changes = Changes { display_name: None, administrator: Some(make) };
    let changed = super::edit(&visit.app, &visit.ctx, &person.admin()?, &who, changes).await?;
    let is = if make { "administers this server now" } else { "no longer administers this server" };
    let text = format!("{} {is}.", changed.display_name.as_str());
    // Who gave up their own rights has no way to that page any more.
    let oneself = changed.id == person.who().account.id;
    let to = if oneself && !make { "/security".into() } else { page_of(&changed) };
    Ok(visit.go(&to, NoticeKind::Success, &text))
}

/// `GET /people/at/{who}/invite-link`.
pub async fn invite_link(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    ask(&visit, &person, &who, "invite-link", |_| Question::InviteLink)
}

/// `POST /people/at/{who}/invite-link`: the answer shows the link, this once.
pub async fn post_invite_link(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let show = form.ticked("show_link");
    let handed = invitations::link_again(&visit.app, &mut visit.ctx, &admin, &who, show).await?;
    let whose = super::get(&visit.app, &visit.ctx, admin.who(), &who)?;
    Ok(link_page(&visit, person.who(), &whose, handed, "set their password and sign in"))
}

/// `GET /people/at/{who}/reset-link`.
pub async fn reset_link(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
) -> Result<Response, Problem> {
    let asked = super::get(&visit.app, &visit.ctx, person.admin()?.who(), &who)?;
    let here = page_of(&asked);
    let view = ResetLinkPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{here}/reset-link"),
        cancel_href: here,
        name: asked.display_name.as_str().into(),
        two_factor: asked.two_factor_since.is_some(),
        mails: visit.app.config.mail.is_some(),
    };
    Ok(visit.show(&view))
}

/// `POST /people/at/{who}/reset-link`: the answer shows the link, this once.
pub async fn post_reset_link(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(who): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let (lost, show) = (form.ticked("lost_second_factor"), form.ticked("show_link"));
    let handed = links::reset_link(&visit.app, &mut visit.ctx, &admin, &who, lost, show).await?;
    let whose = super::get(&visit.app, &visit.ctx, admin.who(), &who)?;
    let does = if lost {
        "set a new password, and two-factor authentication is turned off"
    } else {
        "set a new password"
    };
    Ok(link_page(&visit, person.who(), &whose, handed, does))
}
