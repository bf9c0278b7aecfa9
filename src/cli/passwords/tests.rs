use super::*;
use crate::cli::testing::{self, Screen, TestServer};
use axum::routing::{delete, get};
use axum::{Json, Router};
use clap::Parser;
use serde_json::{Value, json};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn described(label: &str, members: &Value) -> Value {
    let mut described = json!({
        "id": "apw_1", "label": label, "for": ["mail", "contacts"], "state": "live",
        "created_at": "2026-05-01T00:00:00Z", "expires_at": "2026-08-01T00:00:00Z", "ended_at": null,
        "why_ended": null, "last_use": null, "tried_after_end": null,
    });
    for (name, value) in members.as_object().unwrap() {
        described[name] = value.clone();
    }
    described
}

/// Answers what it was sent with the password.
async fn generate(Json(sent): Json<Value>) -> Json<Value> {
    Json(described(
        "Phone",
        &json!({ "password": "abcd-efgh", "sent": sent, "set_up": { "user_name": "ada@example.org", "services": [] } }),
    ))
}

async fn list() -> Json<Value> {
    Json(json!({ "app_passwords": [described("Phone", &json!({}))], "active": 1, "limit": 25 }))
}

/// Runs a command for somebody who has signed in, and returns what came out on standard output and error.
async fn passwords(line: &[&str]) -> (String, String) {
    let revoked = described("Phone", &json!({ "state": "ended" }));
    let router = Router::new()
        .route(
            "/api/v1/app-passwords",
            get(list).post(generate).delete(async || Json(json!({ "revoked": 3 }))),
        )
        .route("/api/v1/app-passwords/apw_1", delete(async || Json(revoked)));
    let server = TestServer::start(router).await;
    let temporary = tempfile::tempdir().unwrap();
    let folder = testing::folder(&temporary);
    folder.save(&testing::credentials(&server.url, "dka_x")).unwrap();
    let line = Line::try_parse_from(std::iter::once("passwords").chain(line.iter().copied())).unwrap();
    let screen = Screen::new();
    run(line.args, &folder, &mut screen.console()).await.unwrap();
    (screen.out(), screen.err())
}

#[tokio::test]
async fn a_generated_password_stands_alone_on_standard_output() {
    let (out, err) = passwords(&["generate", "--label", "Phone"]).await;
    assert_eq!(out, "abcd-efgh\n");
    assert_eq!(
        err,
        "Your password for Phone. You see it once:\n\
         Enter it where the app asks for your password, with ada@example.org as user name. It opens mail and contacts, \
         until 1 August 2026.\n"
    );
}

#[tokio::test]
async fn what_is_asked_for_is_what_was_typed() {
    for (line, sent) in [
        (&["--label", "Phone"][..], json!({ "label": "Phone", "for": "first" })),
        (
            &["--label", "Phone", "--for", "mail,contacts", "--expires", "90d"],
            json!({ "label": "Phone", "for": ["mail", "contacts"], "expires": "90d" }),
        ),
    ] {
        let (out, err) = passwords(&[&["generate", "--json"], line].concat()).await;
        let answer: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&answer["sent"], answer["password"].as_str()), (&sent, Some("abcd-efgh")));
        assert_eq!(err, "");
    }
}

#[tokio::test]
async fn one_or_all_are_revoked() {
    let (out, _) = passwords(&["revoke", "apw_1"]).await;
    assert_eq!(out, "Phone no longer opens anything. The app that used it is signed out.\n");
    let (out, _) = passwords(&["revoke", "--all"]).await;
    assert_eq!(out, "Revoked 3 app-specific passwords. The apps that used them are signed out.\n");
    let (out, _) = passwords(&["revoke", "--all", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!({ "revoked": 3 }));
}

#[tokio::test]
async fn the_list_is_a_table_or_the_apis_answer() {
    let (out, _) = passwords(&["list"]).await;
    assert!(out.starts_with("LABEL  OPENS"), "{out}");
    let (out, _) = passwords(&["list", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["app_passwords"][0]["id"], "apw_1");
}

#[tokio::test]
async fn somebody_who_has_not_signed_in_is_told_how() {
    let temporary = tempfile::tempdir().unwrap();
    let line = Line::try_parse_from(["passwords", "list"]).unwrap_or_else(|error| panic!("{error}"));
    let failure =
        run(line.args, &testing::folder(&temporary), &mut Screen::new().console()).await.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.message().unwrap().contains("doorkey sign-in"), "{failure:?}");
}
