//! The description for programs, and the pages that show it to people. They hold no secret and never change while the server runs: they
//! are made once, and everybody may read them.

use std::sync::Arc;

use axum::{
    Extension,
    http::header,
    response::{Html, IntoResponse},
};
use serde_json::json;

use super::{
    read::Reader,
    views::{ApiPage, Problem, ProblemsPage, Words},
};
use crate::{problem::Code, web::views::NavItem};

/// All of them, as they are answered.
pub struct Made {
    document: String,
    api: String,
    problems: String,
}

impl Made {
    /// Makes them, for the server at this address.
    pub fn new(base: &str) -> Self {
        let document = serde_json::to_value(super::document()).unwrap_or_else(|error| {
            tracing::error!(%error, "the description of the API can't be written");
            json!({})
        });
        let api = api(&Reader::new(&document, base), base);
        Self { document: format!("{document:#}\n"), api, problems: problems() }
    }
}

/// `GET /api/openapi.json`.
pub async fn document(Extension(made): Extension<Arc<Made>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], made.document.clone())
}

/// `GET /api`.
pub async fn api_page(Extension(made): Extension<Arc<Made>>) -> Html<String> {
    Html(made.api.clone())
}

/// `GET /api/problems`.
pub async fn problems_page(Extension(made): Extension<Arc<Made>>) -> Html<String> {
    Html(made.problems.clone())
}

fn link(label: &str, href: String, current: bool) -> NavItem {
    NavItem { label: label.into(), href, current }
}

fn api(reader: &Reader<'_>, base: &str) -> String {
    let (groups, things) = (reader.groups(), reader.things());
    let mut nav = vec![link("Begin", "#begin".into(), false)];
    nav.extend(groups.iter().map(|group| link(&group.name, format!("#{}", group.id), false)));
    nav.push(link("What answers hold", "#things".into(), false));
    nav.push(link("Problems", "/api/problems".into(), false));
    let sign_in = format!(
        "curl -sS {base}/api/v1/sign-in \\\n  -H 'Content-Type: application/json' \\\n  \
         -d '{{\"id\": \"ada@example.org\", \"password\": \"...\", \"code\": \"123456\"}}'"
    );
    let then =
        format!("TOKEN=dka_...\ncurl -sS {base}/api/v1/app-passwords -H \"Authorization: Bearer $TOKEN\"");
    rendered(&ApiPage { nav, groups, things, sign_in, then })
}

fn problems() -> String {
    let nav = vec![link("API", "/api".into(), false), link("Problems", "/api/problems".into(), true)];
    let problem = |code: &Code| Problem {
        code: code.code(),
        status: code.status().as_u16(),
        meaning: Words::of(code.meaning()),
        advice: Words::of(code.advice()),
    };
    rendered(&ProblemsPage { nav, problems: Code::ALL.iter().map(problem).collect() })
}

fn rendered(page: &impl askama::Template) -> String {
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page about the API could not be rendered");
        String::new()
    })
}
