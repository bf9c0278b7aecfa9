//! *Sign-In and Security*, in a browser: the password and two-factor authentication. The pages behind one-time links are
//! in [`super::link_pages`].

use axum::response::{Redirect, Response};
use domain::ACTIVE_APP_PASSWORDS_MAX;
use qrcode::{Color, QrCode};

use super::{
    password::{MIN_ALONE, MIN_WITH_SECOND_FACTOR},
    two_factor::{self, Shown},
    views::{ChangePasswordPage, LongerPassword, SecurityPage, TwoFactor, TwoFactorOffPage, TwoFactorOnPage},
};
use crate::{
    access::{Fresh, SignedIn},
    app_passwords::generate_pages::GENERATE,
    problem::{Code, Problem},
    web::{
        form::Form,
        views::{NoticeKind, Qr},
        visit::{Visit, about},
    },
};

/// The address of the page.
pub const HERE: &str = "/security";

/// `GET /`.
pub async fn home() -> Redirect {
    Redirect::to(HERE)
}

/// `GET /security`.
pub async fn security(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let (now, account) = (visit.now(), &person.account);
    let (factor, in_use, browsers) = visit.app.store.read(|conn| {
        Ok::<_, Problem>((
            store::totp::of_account(conn, account.id)?,
            store::app_passwords::count_live(conn, account.id, now)?,
            store::sessions::count(conn, account.id)?,
        ))
    })?;
    let on = factor.and_then(|factor| factor.confirmed_at);
    let view = SecurityPage {
        frame: visit.frame(&person, HERE),
        password_changed: visit.when(account.password_changed_at),
        change_password_href: "/security/password".into(),
        two_factor: on.map_or(TwoFactor::Off, |since| TwoFactor::On { since: visit.when(since) }),
        turn_on_href: "/security/two-factor".into(),
        turn_off_href: "/security/two-factor/off".into(),
        in_use,
        limit: ACTIVE_APP_PASSWORDS_MAX,
        app_passwords_href: "/app-passwords".into(),
        generate_href: (on.is_some() && in_use < ACTIVE_APP_PASSWORDS_MAX).then(|| GENERATE.into()),
        browsers: usize::try_from(browsers).unwrap_or(usize::MAX),
        sign_out_others_action: "/security/sign-out-others".into(),
    };
    Ok(visit.show(&view))
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
    two_factor_on_page(&visit, person.who(), &shown, None)
}

fn two_factor_on_page(
    visit: &Visit,
    person: &SignedIn,
    shown: &Shown,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let code = QrCode::new(&shown.uri).map_err(|error| {
        tracing::error!(%error, "no QR code could be made");
        Problem::unavailable()
    })?;
    let groups =
        shown.manual_key.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
    let view = TwoFactorOnPage {
        frame: visit.frame(person, HERE),
        action: "/security/two-factor".into(),
        cancel_href: HERE.into(),
        qr: Qr::new(code.width(), |x, y| {
            let (colors, width) = (code.to_colors(), code.width());
            colors.get(y * width + x) == Some(&Color::Dark)
        }),
        otpauth_href: shown.uri.clone(),
        key_groups: groups.collect(),
        code_error: about(problem, &["code", ""]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /security/two-factor`.
pub async fn post_two_factor_on(
    visit: Visit,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match two_factor::confirm(&visit.app, &visit.ctx, &person, form.get("code")).await {
        Ok(()) => {
            let text = "Two-factor authentication is on, and other browsers are signed out. You can generate app-specific passwords now.";
            Ok(visit.go("/app-passwords", NoticeKind::Success, text))
        }
        Err(problem) if in_form(&problem) => match two_factor::begun(&visit.app, &person)? {
            Some(shown) => two_factor_on_page(&visit, person.who(), &shown, Some(&problem)),
            None => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// `GET /security/two-factor/off`.
pub async fn two_factor_off(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    two_factor_off_page(&visit, person.who(), None)
}

fn two_factor_off_page(
    visit: &Visit,
    person: &SignedIn,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let account = &person.account;
    let longer = !two_factor::stands_alone(&visit.app, account)?;
    let view = TwoFactorOffPage {
        frame: visit.frame(person, HERE),
        action: "/security/two-factor/off".into(),
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
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    let new_password = Some(form.get("password")).filter(|typed| !typed.is_empty());
    match two_factor::turn_off(&visit.app, &mut visit.ctx, &person, form.get("code"), new_password).await {
        Ok(revoked) => {
            let text = format!("Two-factor authentication is off.{}", and_revoked(revoked));
            Ok(visit.go(HERE, NoticeKind::Warning, &text))
        }
        Err(problem) if in_form(&problem) => two_factor_off_page(&visit, person.who(), Some(&problem)),
        Err(problem) => Err(problem),
    }
}
