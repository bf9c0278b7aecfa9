//! *Settings*, in a browser, for administrators.

use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;

use super::{
    Overview,
    views::{CheckRow, Mail, Section, SettingRow, SettingsPage},
};
use crate::{
    access::{Fresh, SignedIn},
    config::Shown,
    doctor::{Reach, State},
    mail,
    problem::Problem,
    web::{form::Form, views::NoticeKind, visit::Visit},
};

const HERE: &str = "/settings";

/// How far to look.
#[derive(Default, Deserialize)]
pub struct Look {
    #[serde(default)]
    look: String,
}

/// `GET /settings`.
pub async fn settings(
    visit: Visit,
    person: SignedIn,
    query: Result<Query<Look>, QueryRejection>,
) -> Result<Response, Problem> {
    let far = query.is_ok_and(|Query(query)| query.look == "far");
    let reach = if far { Reach::Network } else { Reach::Machine };
    let seen = super::overview(&visit.app, &person.admin()?, reach).await?;
    let Overview {
        started_at,
        database,
        key_place,
        key_made_at,
        mail_server,
        file,
        settings,
        changed,
        report,
    } = seen;
    let checks = report.checks.into_iter().map(|check| CheckRow {
        about: check.about.words(),
        state: check.state,
        said: check.said,
        advice: check.advice,
    });
    let (fine, mut troubles): (Vec<_>, Vec<_>) = checks.partition(|check| check.state == State::Fine);
    // What is wrong stands above what only deserves a look.
    troubles.sort_by_key(|check| check.state != State::Wrong);
    let view = SettingsPage {
        frame: visit.frame(&person, HERE),
        action: HERE.into(),
        version: env!("CARGO_PKG_VERSION"),
        started: visit.when(started_at),
        database,
        key_place,
        key_made: visit.when(key_made_at),
        troubles,
        fine,
        far,
        mail: mail_server.map(|server| Mail { server, test_to: person.account.name.to_string() }),
        file,
        changed,
        sections: sections(settings),
    };
    Ok(visit.show(&view))
}

fn sections(settings: Vec<Shown>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for Shown { section, name, value, place } in settings {
        let title = if section.is_empty() { "Above all sections".into() } else { format!("[{section}]") };
        let row = SettingRow { name, value, place: place.map(|place| place.to_string()) };
        match sections.last_mut().filter(|last| last.title == title) {
            Some(last) => {
                last.set |= row.place.is_some();
                last.settings.push(row);
            }
            None => sections.push(Section { title, set: row.place.is_some(), settings: vec![row] }),
        }
    }
    sections
}

/// `POST /settings`: sends a test mail to whoever asks for it.
pub async fn post_settings(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    _form: Form,
) -> Result<Response, Problem> {
    let (admin, to) = (person.admin()?, person.who().account.name.to_string());
    let tested = mail::test(&visit.app, &mut visit.ctx, &admin, &to).await?;
    Ok(match tested.accepted {
        true => {
            let said = format!("{} took the mail to {to}: {}", tested.server, tested.said);
            visit.go(HERE, NoticeKind::Success, &said)
        }
        false => visit.go(HERE, NoticeKind::Warning, &tested.said),
    })
}
