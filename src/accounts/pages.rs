//! *Sign-In and Security*, in a browser: the password and two-factor authentication. The pages behind one-time links are
//! in [`super::link_pages`].

use axum::response::{Redirect, Response};
use domain::ACTIVE_APP_PASSWORDS_MAX;
use store::sessions::Client;

use super::{
    password::{MIN_ALONE, MIN_WITH_SECOND_FACTOR},
    recovery_code_pages, recovery_codes,
    two_factor::{self, Shown},
    views::{
        BrowserRow, ChangePasswordPage, LongerPassword, SecurityPage, SessionRow, TwoFactor,
        TwoFactorOffPage, TwoFactorOnPage,
    },
};
use crate::{
    access::{Fresh, SignedIn},
    app_passwords::generate_pages::GENERATE,
    browsers,
    problem::{Code, Problem},
    sessions::{self, Place},
    sign_in::code_field::CodeField,
    tokens,
    web::{
        form::Form,
        qr,
        views::{Link, Notice, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the page.
pub const HERE: &str = "/security";
const ON: &str = "/security/two-factor";
const MOVE: &str = "/security/two-factor/move";
const OFF: &str = "/security/two-factor/off";

/// `GET /`.
pub async fn home() -> Redirect {
    Redirect::to(HERE)
}

/// `GET /security`.
pub async fn security(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let (now, account) = (visit.now(), &person.account);
    let (factor, codes, in_use, tokens) = visit.app.store.read(|conn| {
        Ok::<_, Problem>((
            store::totp::of_account(conn, account.id)?,
            store::recovery_codes::left(conn, account.id)?,
            store::app_passwords::count_live(conn, account.id, now)?,
            store::tokens::count_live(conn, account.id, now)?,
        ))
    })?;
    let on = factor.and_then(|factor| factor.confirmed_at);
    let sessions = sessions::list(&visit.app, &visit.ctx, &person)?;
    let browsers = browsers::list(&visit.app, &visit.ctx, &person)?;
    let view = SecurityPage {
        frame: visit.frame(&person, HERE),
        password_changed: visit.when(account.password_changed_at),
        change_password_href: "/security/password".into(),
        two_factor: on.map_or(TwoFactor::Off, |since| TwoFactor::On {
            since: visit.when(since),
            codes_left: codes.count,
            codes_made: codes.made_at.map(|at| visit.when(at)),
            few: codes.count <= recovery_codes::FEW,
        }),
        turn_on_href: "/security/two-factor".into(),
        turn_off_href: "/security/two-factor/off".into(),
        move_href: MOVE.into(),
        renew_codes_href: recovery_code_pages::RENEW.into(),
        in_use,
        limit: ACTIVE_APP_PASSWORDS_MAX,
        app_passwords_href: "/app-passwords".into(),
        generate_href: (on.is_some() && in_use < ACTIVE_APP_PASSWORDS_MAX).then(|| GENERATE.into()),
        tokens,
        tokens_href: tokens::pages::HERE.into(),
        sessions: sessions.iter().map(|place| session_row(&visit, place)).collect(),
        sign_out_others_action: "/security/sign-out-others".into(),
        browsers: browsers
            .iter()
            .map(|browser| BrowserRow {
                agent: browser.agent.clone(),
                here: person.session.browser == Some(browser.id),
                since: visit.when(browser.created_at),
                until: visit.when(browser.ends_at),
                forget_action: format!("/security/browsers/{}/forget", browser.id),
            })
            .collect(),
        forget_all_action: "/security/browsers/forget-all".into(),
    };
    Ok(visit.show(&view))
}

fn session_row(visit: &Visit, place: &Place) -> SessionRow {
    let session = &place.session;
    let unnamed = match session.client {
        Client::Browser => "A browser",
        Client::CommandLine => "A command line",
    };
    SessionRow {
        agent: if session.agent.is_empty() { unnamed.into() } else { session.agent.clone() },
        here: place.here,
        source: session.source.clone(),
        began: visit.when(session.created_at),
        seen: visit.when(session.last_seen_at),
        ends: visit.when(place.ends_at),
        sign_out_action: format!("/security/sessions/{}/sign-out", session.id),
    }
}

/// `GET /security/password`.
pub async fn password(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    password_page(&visit, person.who(), None)
}

fn password_page(visit: &Visit, person: &SignedIn, problem: Option<&Problem>) -> Result<Response, Problem> {
    let account = person.account.id;
    let (two_factor, revokes) = visit.app.store.read(|conn| {
        let revokes = store::app_passwords::count_live(conn, account, visit.now())?;
        Ok::<_, Problem>((two_factor::is_on(conn, account)?, revokes))
    })?;
    let view = ChangePasswordPage {
        frame: visit.frame(person, HERE),
        action: "/security/password".into(),
        cancel_href: HERE.into(),
        current_error: about(problem, &["current_password", ""]),
        password_error: about(problem, &["new_password"]),
        min_length: if two_factor { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE },
        revokes,
    };
    Ok(visit.show_again(&view, problem))
}

/// Whether the problem is one that the form itself can show.
pub fn in_form(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unfit | Code::WrongCredentials | Code::TooManyAttempts)
        || (problem.code == Code::Conflict && problem.field.is_some())
}

/// `POST /security/password`.
pub async fn post_password(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match super::change_password(
        &visit.app,
        &mut visit.ctx,
        &person,
        form.get("current"),
        form.get("password"),
    )
    .await
    {
        Ok(revoked) => {
            visit.renew_session(person.who()).await?;
            let text = format!(
                "Your password is changed, and other browsers are signed out.{}",
                and_revoked(revoked)
            );
            Ok(visit.go(HERE, NoticeKind::Success, &text))
        }
        Err(problem) if in_form(&problem) => password_page(&visit, person.who(), Some(&problem)),
        Err(problem) => Err(problem),
    }
}

/// A sentence on what was revoked with it, if anything was.
pub fn and_revoked(revoked: u64) -> String {
    match revoked {
        0 => String::new(),
        1 => " 1 app-specific password is revoked.".into(),
        n => format!(" {n} app-specific passwords are revoked."),
    }
}

/// `GET /security/two-factor`.
pub async fn two_factor_on(mut visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    let shown = match two_factor::begun(&visit.app, &person)? {
        Some(shown) => shown,
        None => two_factor::begin(&visit.app, &mut visit.ctx, &person).await?,
    };
    two_factor_on_page(&visit, person.who(), ON, &shown, None)
}

fn two_factor_on_page(
    visit: &Visit,
    person: &SignedIn,
    action: &str,
    shown: &Shown,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let groups =
        shown.manual_key.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
    let view = TwoFactorOnPage {
        frame: visit.frame(person, HERE),
        moves: action == MOVE,
        action: action.into(),
        cancel_href: HERE.into(),
        qr: qr::draw(&shown.uri)?,
        otpauth_href: shown.uri.clone(),
        key_groups: groups.collect(),
        code_error: about(problem, &["code", ""]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /security/two-factor`: the answer shows the recovery codes, this once.
pub async fn post_two_factor_on(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match two_factor::confirm(&visit.app, &mut visit.ctx, &person, form.get("code")).await {
        Ok(made) => {
            visit.renew_session(person.who()).await?;
            let text = "Two-factor authentication is on, and other browsers are signed out.";
            Ok(recovery_code_pages::show(&visit, person.who(), &made, Some(text)))
        }
        Err(problem) if in_form(&problem) => match two_factor::begun(&visit.app, &person)? {
            Some(shown) => two_factor_on_page(&visit, person.who(), ON, &shown, Some(&problem)),
            None => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// `GET /security/two-factor/move`.
pub async fn two_factor_move(mut visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    let shown = match two_factor::begun_move(&visit.app, &visit.ctx, &person)? {
        Some(shown) => shown,
        None => two_factor::begin_move(&visit.app, &mut visit.ctx, &person).await?,
    };
    two_factor_on_page(&visit, person.who(), MOVE, &shown, None)
}

/// `POST /security/two-factor/move`.
pub async fn post_two_factor_move(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match two_factor::confirm_move(&visit.app, &mut visit.ctx, &person, form.get("code")).await {
        Ok(()) => {
            visit.renew_session(person.who()).await?;
            let text = "Your new phone is set up. The old one's codes count no more, and other browsers are signed out. Your \
                        recovery codes are as they were; if they were on the old phone,";
            let links =
                vec![Link { label: "make new ones.".into(), href: recovery_code_pages::RENEW.into() }];
            Ok(visit.go_with(HERE, &Notice { kind: NoticeKind::Success, text: text.into(), links }))
        }
        Err(problem) if in_form(&problem) => match two_factor::begun_move(&visit.app, &visit.ctx, &person)? {
            Some(shown) => two_factor_on_page(&visit, person.who(), MOVE, &shown, Some(&problem)),
            None => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// `GET /security/two-factor/off`.
pub async fn two_factor_off(
    visit: Visit,
    field: CodeField,
    person: Fresh<SignedIn>,
) -> Result<Response, Problem> {
    two_factor_off_page(&visit, field, person.who(), None)
}

fn two_factor_off_page(
    visit: &Visit,
    field: CodeField,
    person: &SignedIn,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let account = &person.account;
    let longer = !two_factor::stands_alone(&visit.app, account)?;
    let view = TwoFactorOffPage {
        frame: visit.frame(person, HERE),
        action: field.at(OFF),
        other_href: field.other_at(OFF),
        field,
        cancel_href: HERE.into(),
        revokes: visit
            .app
            .store
            .read(|conn| store::app_passwords::count_live(conn, account.id, visit.now()))?,
        code_error: about(problem, &["code", ""]),
        longer_password: longer
            .then(|| LongerPassword { min_length: MIN_ALONE, error: about(problem, &["new_password"]) }),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /security/two-factor/off`.
pub async fn post_two_factor_off(
    mut visit: Visit,
    field: CodeField,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    let new_password = Some(form.get("password")).filter(|typed| !typed.is_empty());
    match two_factor::turn_off(&visit.app, &mut visit.ctx, &person, form.get("code"), new_password).await {
        Ok(revoked) => {
            visit.renew_session(person.who()).await?;
            let text = format!("Two-factor authentication is off.{}", and_revoked(revoked));
            Ok(visit.go(HERE, NoticeKind::Warning, &text))
        }
        Err(problem) if in_form(&problem) => two_factor_off_page(&visit, field, person.who(), Some(&problem)),
        Err(problem) => Err(problem),
    }
}
