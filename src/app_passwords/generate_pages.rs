//! Generating an app-specific password, in a browser.

use axum::{
    extract::{Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Kind, KindSet, Secret, Timestamp};

use super::{
    New,
    pages::{HERE, opens},
    views::{GeneratePage, GeneratedPage, ScanCode},
};
use crate::{
    access::SignedIn,
    problem::{Code, Problem},
    set_up::{self, person::Opened, profile, views::Row},
    web::{
        form::Form,
        in_query, qr,
        views::{Choice, Field},
        visit::{Visit, about},
    },
};

/// The address of the form.
pub const GENERATE: &str = "/app-passwords/generate";
/// Where a password that was just shown is sent back for a profile.
const PROFILE: &str = "/app-passwords/profile";

/// What stands in the form: also when it comes back after the person had to confirm who they are, so that nothing typed is
/// lost.
struct Typed {
    label: String,
    first: bool,
    kinds: Vec<String>,
    expires: String,
}

impl Typed {
    fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut typed =
            Self { label: String::new(), first: false, kinds: Vec::new(), expires: "never".into() };
        for (name, value) in pairs {
            match name {
                "label" => typed.label = value.into(),
                "opens" => typed.first = value == "first",
                "kind" => typed.kinds.push(value.into()),
                "expires" => typed.expires = value.into(),
                _ => {}
            }
        }
        typed
    }

    fn query(&self) -> String {
        let opens = if self.first { "first" } else { "kinds" };
        let kinds: String = self.kinds.iter().map(|kind| format!("&kind={}", in_query(kind))).collect();
        format!("label={}&opens={opens}&expires={}{kinds}", in_query(&self.label), in_query(&self.expires))
    }

    fn new_password(&self, now: Timestamp) -> Result<New, Problem> {
        let kinds: Result<KindSet, _> = self.kinds.iter().map(|kind| kind.parse::<Kind>()).collect();
        let kinds = kinds.map_err(|error| Problem::field("for", format!("{error}.")))?;
        New::parse(&self.label, (!self.first).then_some(kinds), &self.expires, now)
    }
}

/// `GET /app-passwords/generate`.
pub async fn generate(
    visit: Visit,
    person: SignedIn,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let typed = Typed::read(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let person = match super::generator(&visit.app, person, visit.now()) {
        // The list says what is missing, and leads there.
        Err(problem) if problem.code == Code::TwoFactorNeeded => {
            return Ok(Redirect::to(HERE).into_response());
        }
        person => person?,
    };
    Ok(generate_page(&visit, person.who(), &typed, None))
}

fn generate_page(visit: &Visit, person: &SignedIn, typed: &Typed, problem: Option<&Problem>) -> Response {
    let chosen: Vec<_> = typed.kinds.iter().map(String::as_str).collect();
    let view = GeneratePage {
        frame: visit.frame(person, HERE),
        action: GENERATE.into(),
        cancel_href: HERE.into(),
        label: Field { value: typed.label.clone(), error: about(problem, &["label"]) },
        first_app: typed.first,
        kinds: Choice::kinds(&chosen),
        opens_error: about(problem, &["for"]),
        expiries: GeneratePage::expiries(&typed.expires),
        problem: about(problem, &["", "expires"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /app-passwords/generate`: the answer shows the password, this once.
pub async fn post_generate(mut visit: Visit, person: SignedIn, form: Form) -> Result<Response, Problem> {
    let typed = Typed::read(form.pairs());
    let now = visit.now();
    let person = match super::generator(&visit.app, person, now) {
        Err(problem) if problem.code == Code::TwoFactorNeeded => {
            return Ok(Redirect::to(HERE).into_response());
        }
        Err(problem) if problem.code == Code::ConfirmationNeeded => {
            let back = format!("{GENERATE}?{}", typed.query());
            return Ok(Redirect::to(&format!("/sign-in/confirm?next={}", in_query(&back))).into_response());
        }
        person => person?,
    };
    let generated = match typed.new_password(now) {
        Ok(new) => super::generate(&visit.app, &mut visit.ctx, &person, new).await,
        Err(problem) => Err(problem),
    };
    let (password, secret) = match generated {
        Ok(generated) => generated,
        Err(problem)
            if matches!(problem.code, Code::Unfit | Code::TooManyAppPasswords | Code::TwoFactorNeeded) =>
        {
            return Ok(generate_page(&visit, person.who(), &typed, Some(&problem)));
        }
        Err(problem) => return Err(problem),
    };
    let account = person.who();
    let opened = set_up::person::opened(&visit.app, account.account.id, password.opens)?;
    let view = GeneratedPage {
        frame: visit.frame(account, HERE),
        label: password.label.as_str().into(),
        groups: secret.shown().expose().split('-').map(str::to_owned).collect(),
        opens: opens(password.opens),
        expires: password.expires_at.map(|at| visit.when(at)),
        user_name: account.account.name.to_string(),
        servers: servers(&opened),
        profile_action: profile::is_possible(&opened).then(|| PROFILE.into()),
        codes: codes(account, &secret.shown(), &opened)?,
        done_href: HERE.into(),
    };
    Ok(visit.show(&view))
}

/// What to enter, and for a service of which nobody said where it is, its name.
fn servers(opened: &[Opened]) -> Vec<Row> {
    let mut servers: Vec<_> =
        opened.iter().flat_map(|one| one.servers.iter().map(|server| (server, &one.service))).collect();
    servers.sort();
    let mut rows: Vec<Row> = Vec::new();
    for (server, service) in servers {
        let mut row = set_up::pages::row(server);
        // The same again, of another service.
        if rows.iter().any(|other| other.label == row.label) {
            row.value.push_str(&format!(" ({service})"));
        }
        rows.push(row);
    }
    let unsaid = opened.iter().filter(|service| service.servers.is_empty());
    let unsaid: Vec<_> = unsaid.map(|service| service.service.as_str()).collect();
    if !unsaid.is_empty() {
        rows.push(Row { label: "Works at".into(), value: unsaid.join(", ") });
    }
    rows
}

fn codes(person: &SignedIn, password: &Secret<String>, opened: &[Opened]) -> Result<Vec<ScanCode>, Problem> {
    let (id, name) = (&person.account.name, &person.account.display_name);
    let codes = set_up::codes::all(id, name, password, opened).into_iter().enumerate();
    let drawn = codes.map(|(n, code)| {
        Ok(ScanCode {
            id: format!("code-{n}"),
            title: code.title.into(),
            note: code.note.into(),
            qr: qr::draw(code.text.expose())?,
        })
    });
    drawn.collect()
}

/// `POST /app-passwords/profile`: the page that shows a password sends it back for a profile with it in it. Nothing is handed out that whoever
/// sends it hasn't got, so it takes no fresh second factor; nothing is kept.
pub async fn post_profile(visit: Visit, person: SignedIn, form: Form) -> Result<Response, Problem> {
    let profile = super::profile(&visit.app, &person, form.get("password"), visit.now())?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-apple-aspen-config"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"doorkey.mobileconfig\""),
    ];
    Ok((headers, profile.expose().clone()).into_response())
}
