//! `doorkey admin service sign-out`

use axum::http::Method;
use clap::ValueEnum;
use domain::{SignOutWay, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};
use crate::cli::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct SignOut {
    /// The service's name
    #[arg(value_parser = path_part)]
    name: String,
    /// Who ends open sessions from now on
    #[arg(long)]
    way: Option<Way>,
    /// Where they are asked: doveadm's HTTP API, or the webhook
    #[arg(long, requires = "way", required_if_eq_any = [
        ("way", "dovecot-user"), ("way", "dovecot-app-password"), ("way", "webhook")
    ])]
    url: Option<String>,
    /// Read the key that is shown there from standard input; without this it stays
    #[arg(long, requires = "way")]
    key_stdin: bool,
    /// Show no key there any more
    #[arg(long, requires = "way", conflicts_with = "key_stdin")]
    no_key: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Nobody
    Nobody,
    /// Dovecot 2.3, all sessions of the person
    DovecotUser,
    /// Dovecot 2.4, the sessions of that password
    DovecotAppPassword,
    /// A webhook, which is told by a signed token
    Webhook,
}

impl Way {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::DovecotUser => Some(SignOutWay::DovecotUser.code()),
            Self::DovecotAppPassword => Some(SignOutWay::DovecotAppPassword.code()),
            Self::Webhook => Some(SignOutWay::Webhook.code()),
        }
    }
}

#[derive(Deserialize)]
struct State {
    way: Option<String>,
    url: Option<String>,
    has_key: bool,
    done_at: Option<Timestamp>,
    failure: Option<Failed>,
    waiting: i64,
}

#[derive(Deserialize)]
struct Failed {
    at: Timestamp,
    said: String,
}

impl SignOut {
    pub(super) fn call(&self, console: &mut Console) -> Result<Call, Failure> {
        let path = format!("/services/{}/sign-out", in_path(&self.name));
        let Some(way) = self.way else { return Ok(Call { method: Method::GET, path, body: None }) };
        let Some(code) = way.code() else { return Ok(Call { method: Method::DELETE, path, body: None }) };
        let mut body = Map::new();
        body.insert("way".into(), code.into());
        body.insert("url".into(), self.url.clone().unwrap_or_default().into());
        if self.key_stdin {
            body.insert("key".into(), console.first_line("key")?.expose().as_str().into());
        } else if self.no_key {
            body.insert("key".into(), "".into());
        }
        Ok(Call { method: Method::PUT, path, body: Some(body.into()) })
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        if self.json && !answer.is_null() {
            return console.json(answer);
        }
        let nobody =
            format!("Nobody is signed out of {}: its apps find out at their next sign-in.", self.name);
        if answer.is_null() {
            return console.say(&plain(&nobody));
        }
        let state: State = read(answer)?;
        let said = said(&self.name, &state, Clock::System.now());
        said.unwrap_or_else(|| vec![nobody]).iter().try_for_each(|line| console.say(&plain(line)))
    }
}

fn said(name: &str, state: &State, now: Timestamp) -> Option<Vec<String>> {
    let (way, url) = (state.way.as_deref()?, state.url.as_deref().unwrap_or_default());
    let way = way.replace('_', "-");
    let key = if state.has_key { "with a key" } else { "without a key" };
    let done = state.done_at.map_or_else(|| "never".into(), |at| at.human(now));
    let mut said =
        vec![format!("People are signed out of {name} ({way}) at {url}, {key}. Last done: {done}.")];
    if let Some(failed) = &state.failure {
        said.push(format!("Failed {}: {}", failed.at.human(now), failed.said));
    }
    if state.waiting > 0 {
        said.push(format!("Waiting: {}. It is tried again by itself, for 7 days.", state.waiting));
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::testing::Screen;

    fn sign_out(way: Option<Way>, url: Option<&str>) -> SignOut {
        SignOut {
            name: "mail".into(),
            way,
            url: url.map(Into::into),
            key_stdin: false,
            no_key: false,
            json: false,
        }
    }

    #[test]
    fn what_is_said_is_sent() {
        let screen = Screen::new();
        let call = |what: SignOut| what.call(&mut screen.console()).unwrap();
        let look = call(sign_out(None, None));
        assert_eq!((look.method, look.path.as_str()), (Method::GET, "/services/mail/sign-out"));
        assert_eq!(call(sign_out(Some(Way::Nobody), None)).method, Method::DELETE);
        let set = sign_out(Some(Way::DovecotUser), Some("http://127.0.0.1:8080"));
        let body = json!({ "way": "dovecot_user", "url": "http://127.0.0.1:8080" });
        assert_eq!(call(set).body, Some(body));
        let taken = SignOut { no_key: true, ..sign_out(Some(Way::Webhook), Some("https://w.example.org")) };
        assert_eq!(call(taken).body.unwrap()["key"], "");
    }

    #[test]
    fn how_it_goes_is_told() {
        let state: State = read(&json!({
            "way": "dovecot_user", "url": "http://127.0.0.1:8080/doveadm/v1", "has_key": true, "waiting": 2,
            "done_at": "2026-05-03T11:00:00Z", "failure": { "at": "2026-05-03T11:30:00Z", "said": "No answer." },
        }))
        .unwrap();
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            said("mail", &state, now).unwrap(),
            [
                "People are signed out of mail (dovecot-user) at http://127.0.0.1:8080/doveadm/v1, with a key. Last done: 1 hour ago.",
                "Failed 30 minutes ago: No answer.",
                "Waiting: 2. It is tried again by itself, for 7 days.",
            ]
        );
    }
}
