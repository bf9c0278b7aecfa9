//! `doorkey passwords list`

use axum::http::Method;
use domain::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Person;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{clipped, plain, read, table};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    app_passwords: Vec<AppPassword>,
    active: u64,
    limit: u64,
}

/// An app-specific password, as far as it is shown.
#[derive(Deserialize)]
pub(super) struct AppPassword {
    id: String,
    pub(super) label: String,
    #[serde(rename = "for")]
    opens: Opens,
    state: String,
    expires_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    why_ended: Option<String>,
    last_use: Option<Use>,
    tried_after_end: Option<Use>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Opens {
    Kinds(Vec<String>),
    First(IgnoredAny),
}

#[derive(Deserialize)]
struct Use {
    at: Timestamp,
    service: String,
    source: String,
}

pub(super) async fn run(args: &Args, person: &Person, console: &mut Console) -> Result<(), Failure> {
    let answer = person.client.request(Method::GET, "/app-passwords", None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&text(&read(&answer)?, Clock::System.now()))
}

fn text(answer: &Answer, now: Timestamp) -> String {
    let Answer { app_passwords, active, limit } = answer;
    if app_passwords.is_empty() {
        return "You have no app-specific passwords. Generate one: doorkey passwords generate --label LABEL"
            .into();
    }
    let (live, ended): (Vec<_>, Vec<_>) = app_passwords.iter().partition(|password| password.state == "live");
    let rows: Vec<_> = live.iter().chain(&ended).map(|password| password.row(now)).collect();
    let mut lines = table(["LABEL", "OPENS", "LAST USED", "STATE", "ID"], &rows);
    if !live.is_empty() && !ended.is_empty() {
        // One line for the columns' names, one for each that is live.
        lines.insert(1 + live.len(), String::new());
    }
    lines.push(format!("\n{active} of {limit} in use."));
    lines.extend(ended.iter().filter_map(|password| password.still_tried(now)));
    lines.join("\n")
}

impl AppPassword {
    fn row(&self, now: Timestamp) -> [String; 5] {
        let used = self.last_use.as_ref().map_or_else(
            || "never".into(),
            |used| format!("{} by {} from {}", used.at.human(now), used.service, used.source),
        );
        [clipped(&self.label), self.opens(), used, self.state(now), self.id.clone()]
    }

    /// What it opens.
    pub(super) fn opens(&self) -> String {
        match &self.opens {
            Opens::First(_) => "what its first app needs".into(),
            Opens::Kinds(kinds) => match kinds.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
                _ => kinds.concat(),
            },
        }
    }

    /// When it stops working by itself, if it does.
    pub(super) fn expires(&self) -> Option<String> {
        self.expires_at.map(Timestamp::date)
    }

    fn state(&self, now: Timestamp) -> String {
        if self.state == "live" {
            return self.expires().map_or_else(|| "active".into(), |day| format!("active until {day}"));
        }
        let (what, why) = match self.why_ended.as_deref() {
            Some("revoked") => ("revoked", "by you"),
            Some("revoked_all") => ("revoked", "by you, with all others"),
            Some("password_changed") => ("revoked", "because your password was changed"),
            Some("password_reset") => ("revoked", "because your password was reset"),
            Some("two_factor_off") => ("revoked", "because two-factor was turned off"),
            // Also one whose time is over and whose end nobody has written down yet.
            Some("expired") | None => ("expired", ""),
            Some(_) => ("ended", ""),
        };
        let when = self.ended_at.or(self.expires_at).map(|at| at.human(now)).unwrap_or_default();
        let words = [what, &when, why];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// What to tell about an app that hasn't noticed.
    fn still_tried(&self, now: Timestamp) -> Option<String> {
        let tried = self.tried_after_end.as_ref()?;
        Some(plain(&format!(
            "{} has ended, but an app still tries it: {} at {} from {}. Remove it from that app.",
            self.label,
            tried.at.human(now),
            tried.service,
            tried.source
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn password(label: &str, members: &Value) -> Value {
        let mut password = json!({
            "id": format!("apw_{label}"), "label": label, "for": "first", "state": "live",
            "created_at": "2026-05-01T00:00:00Z", "expires_at": null, "ended_at": null, "why_ended": null,
            "last_use": null, "tried_after_end": null,
        });
        for (name, value) in members.as_object().unwrap() {
            password[name] = value.clone();
        }
        password
    }

    fn shown(passwords: &[Value]) -> String {
        let answer = json!({ "app_passwords": passwords, "active": 2, "limit": 25 });
        text(&read(&answer).unwrap(), serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap())
    }

    #[test]
    fn the_list_has_the_live_ones_first_and_says_who_still_tries_an_ended_one() {
        let tried = json!({ "at": "2026-05-03T10:00:00Z", "service": "mail", "source": "203.0.113.9" });
        let ended = json!({
            "state": "ended", "for": ["mail"], "ended_at": "2026-05-01T12:00:00Z", "why_ended": "revoked",
            "tried_after_end": tried,
        });
        let used = json!({ "at": "2026-05-03T11:58:00Z", "service": "mail", "source": "198.51.100.7" });
        let list = shown(&[
            password("Laptop", &ended),
            password("Phone", &json!({ "for": ["mail", "contacts"], "last_use": used })),
            password("New", &json!({ "expires_at": "2026-08-01T00:00:00Z" })),
        ]);
        assert_eq!(
            list,
            "\
LABEL   OPENS                     LAST USED                                STATE                       ID
Phone   mail and contacts         2 minutes ago by mail from 198.51.100.7  active                      apw_Phone
New     what its first app needs  never                                    active until 1 August 2026  apw_New

Laptop  mail                      never                                    revoked 2 days ago by you   apw_Laptop

2 of 25 in use.
Laptop has ended, but an app still tries it: 2 hours ago at mail from 203.0.113.9. Remove it from that app."
        );
    }

    #[test]
    fn every_end_has_its_words() {
        for (why, said) in [
            (json!("expired"), "expired yesterday"),
            (json!("revoked"), "revoked yesterday by you"),
            (json!("revoked_all"), "revoked yesterday by you, with all others"),
            (json!("password_changed"), "revoked yesterday because your password was changed"),
            (json!("password_reset"), "revoked yesterday because your password was reset"),
            (json!("two_factor_off"), "revoked yesterday because two-factor was turned off"),
            (json!("of_another_version"), "ended yesterday"),
        ] {
            let ended = json!({ "state": "ended", "ended_at": "2026-05-02T06:00:00Z", "why_ended": why });
            let list = shown(&[password("x", &ended)]);
            assert!(list.contains(&format!("  {said}  ")), "{list}");
        }
        let over = json!({ "state": "ended", "expires_at": "2026-05-02T06:00:00Z" });
        assert!(shown(&[password("x", &over)]).contains("  expired yesterday  "));
    }

    #[test]
    fn a_label_does_nothing_to_the_terminal() {
        let tried = json!({ "at": "2026-05-03T10:00:00Z", "service": "mail", "source": "203.0.113.9" });
        let list =
            shown(&[password("\u{1b}[2J\u{202e}", &json!({ "state": "ended", "tried_after_end": tried }))]);
        assert!(!list.contains(['\u{1b}', '\u{202e}']), "{list:?}");
    }

    #[test]
    fn no_password_is_no_table() {
        assert!(shown(&[]).starts_with("You have no app-specific passwords."));
    }
}
