//! The API's description of itself (OpenAPI 3.1): served at `/api/openapi.json`, kept in `docs/openapi.json`, shown at `/api`.
//!
//! Beside each handler, `#[utoipa::path]` says what only it knows: what it does, who may, what it takes and gives, and the problems
//! that are its own. What follows from that for every route alike is added here.

use std::collections::BTreeMap;

use utoipa::{
    OpenApi as _, PartialSchema as _,
    openapi::{
        Components, Content, OpenApi, Ref, RefOr, Response,
        path::{Operation, PathItem},
        security::{Http, HttpAuthScheme, SecurityScheme},
        tag::Tag,
    },
};

use crate::{
    access,
    problem::{self, Code},
    router,
};

pub mod pages;
pub mod read;
pub mod views;
pub mod words;

#[cfg(test)]
mod tests;

/// Refusals beside a handler: see [`refusal`].
pub type Refusals = BTreeMap<String, RefOr<Response>>;

/// What `security` names: a token, and what else its person has to be or to have shown.
const TOKEN: &str = "token";
/// What else `security` names: tokens that are no person's.
const MACHINE_TOKENS: &[(&str, &str)] = &[
    ("build_token", "The token of an open build: it begins with `dkb_`, and ends with the build."),
    (
        "project_token",
        "A project's token: it begins with `dkp_`, and opens builds. An identity token in the request takes its place.",
    ),
];
/// Somebody who administers the server: `access::Admin`.
pub const ADMINISTRATOR: &str = "administrator";
/// Somebody who showed their second factor a short while ago: `access::Fresh`.
pub const CONFIRMED: &str = "confirmed";

/// A group of routes that belong together, by the first part of their paths.
pub struct Group {
    /// What it is headed.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// The first parts, behind `/api/v1/`.
    parts: &'static [&'static str],
}

/// The groups, in the order in which they are shown.
pub const GROUPS: &[Group] = &[
    Group {
        name: "Signing in",
        about: "Sessions and tokens: everything else needs one.",
        parts: &["sign-in", "session", "sessions", "browsers", "tokens"],
    },
    Group {
        name: "Your account",
        about: "The account of whoever asks: its password, its second factor, what happened to it.",
        parts: &["account", "activity"],
    },
    Group {
        name: "App-specific passwords",
        about: "One for each app that can't do two-factor authentication. At most 25 work at a time.",
        parts: &["app-passwords"],
    },
    Group {
        name: "Projects",
        about: "What a CI builds: its team, and which connections its builds use.",
        parts: &["projects", "project-invitations", "issuers", "server"],
    },
    Group {
        name: "Connections",
        about: "What one has connected for builds to use: API keys of App Store Connect. At most 50.",
        parts: &["connections"],
    },
    Group { name: "People", about: "Everybody's accounts, for administrators.", parts: &["accounts"] },
    Group {
        name: "Groups",
        about: "Who belongs together, so that a service can be for some and not for all.",
        parts: &["groups"],
    },
    Group {
        name: "Services",
        about: "The servers that people's apps sign in to, and that ask at the doors.",
        parts: &["services"],
    },
    Group {
        name: "Builds",
        about: "Runs of a project's pipeline: opened by a CI, looked at and closed by the team.",
        parts: &["builds"],
    },
    Group {
        name: "In a build",
        about: "What a build asks for while it runs, with its own token.",
        parts: &["build"],
    },
    Group {
        name: "Settings",
        about: "What this server goes by, and how it is, for administrators.",
        parts: &["settings"],
    },
    Group { name: "Mail", about: "What this server sends to people.", parts: &["mail"] },
    Group { name: "Log", about: "Every change, in the order in which they happened.", parts: &["events"] },
];

/// The group of a path.
fn group(path: &str) -> Option<&'static Group> {
    let part = path.strip_prefix("/api/v1/")?.split('/').next()?;
    GROUPS.iter().find(|group| group.parts.contains(&part))
}

/// A problem that a handler can answer with, until [`document`] gathers those that share a status.
pub fn refusal(code: Code) -> Refusals {
    let key = format!("{} {}", code.status().as_u16(), code.code());
    BTreeMap::from([(key, Response::new(code.title()).into())])
}

/// The whole description.
pub fn document() -> OpenApi {
    let mut document = router::Operations::openapi();
    document.info.title = "Doorkey".into();
    document.info.description = Some(
        "App-specific passwords for accounts with two-factor authentication. Times are RFC 3339 in UTC. Every refusal is a \
         problem document (RFC 9457) with a `code` from a closed list; /api/problems explains each."
            .into(),
    );
    document.tags = Some(GROUPS.iter().map(tag).collect());
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert("Problem".into(), problem::Document::schema());
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.description = Some(
        "A token that begins with `dka_`. Roles: `administrator`, and `confirmed` for somebody who showed their second factor \
         within the last ten minutes. On the server's machine the socket in the data folder needs none, and is an \
         administrator's."
            .into(),
    );
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    for (scheme, about) in MACHINE_TOKENS {
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.description = Some((*about).into());
        components.add_security_scheme(*scheme, SecurityScheme::Http(token));
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete(path, method, operation, components);
        }
    }
    document
}

fn tag(group: &Group) -> Tag {
    let mut tag = Tag::new(group.name);
    tag.description = Some(group.about.into());
    tag
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what follows from the path, from who may, and from what is taken.
fn complete(path: &str, method: &str, operation: &mut Operation, components: &mut Components) {
    operation.tags = group(path).map(|group| vec![group.name.into()]);
    let words = path.trim_start_matches("/api/v1/").replace(['{', '}'], "").replace(['/', '-'], "_");
    operation.operation_id = Some(format!("{method}_{words}"));

    let mut codes = own_codes(operation);
    codes.push(Code::Unavailable);
    if let Some(roles) = roles(operation) {
        codes.push(Code::SignInNeeded);
        codes.push(Code::NotWithToken);
        if let Some(scope) = access::scope_of(&method.to_uppercase(), path) {
            codes.push(Code::ScopeNeeded);
            let said = format!("A personal API token needs the scope `{}`.", scope.name());
            let before = operation.description.take().map(|text| text + "\n\n").unwrap_or_default();
            operation.description = Some(before + said.as_str());
        }
        codes.extend(roles.iter().any(|role| role == ADMINISTRATOR).then_some(Code::NotAllowed));
        codes.extend(roles.iter().any(|role| role == CONFIRMED).then_some(Code::ConfirmationNeeded));
    }
    if operation.request_body.is_some() {
        codes.extend([Code::Unreadable, Code::TooLarge]);
    }
    if path.contains('{') {
        codes.extend([Code::NotFound, Code::Unreadable]);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        // Its name says which codes; each is described once for all routes.
        let name = codes.iter().map(|code| code.code()).collect::<Vec<_>>().join(".");
        let answer = RefOr::Ref(Ref::from_response_name(&name));
        operation.responses.responses.insert(status.to_string(), answer);
        components.responses.entry(name).or_insert_with(|| refused(&codes).into());
    }
}

/// The answer with one of these codes, which have one status.
fn refused(codes: &[Code]) -> Response {
    let sentences = codes.iter().map(|code| format!("`{}`: {}.", code.code(), code.title()));
    let mut response = Response::new(sentences.collect::<Vec<_>>().join(" "));
    let schema = Ref::from_schema_name("Problem");
    response.content.insert("application/problem+json".into(), Content::new(Some(schema)).into());
    response
}

/// Takes out the problems that the handler named.
fn own_codes(operation: &mut Operation) -> Vec<Code> {
    let responses = &mut operation.responses.responses;
    let codes: Vec<Code> = Code::ALL
        .iter()
        .copied()
        .filter(|code| refusal(*code).keys().any(|key| responses.contains_key(key)))
        .collect();
    responses.retain(|key, _| !key.contains(' '));
    codes
}

/// Who may: the roles beside the token; nothing when anybody may.
fn roles(operation: &Operation) -> Option<Vec<String>> {
    let required = serde_json::to_value(operation.security.as_ref()?).ok()?;
    let roles = required.as_array()?.iter().find_map(|one| one.get(TOKEN))?;
    serde_json::from_value(roles.clone()).ok()
}
