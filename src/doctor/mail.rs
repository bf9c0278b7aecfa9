//! The mail server: reached, encrypted to, signed in to. Nothing is sent.

use std::time::Duration;

use crate::{
    config::Config,
    mail::smtp::{self, Connection},
};

use super::{About, Findings, counted, data::Seen};

const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at it.
pub(super) async fn look(config: &Config, seen: Option<&Seen>, findings: &mut Findings) {
    let Some(mail) = &config.mail else {
        return findings.fine(About::Mail, "No mail is configured: links are shown to whoever makes them.");
    };
    match Connection::open(&mail.smtp, config.http.public_url.host(), PATIENCE).await {
        Ok(connection) => {
            connection.close().await;
            let signed_in = if mail.smtp.login.is_some() { " and took the user and password" } else { "" };
            findings.fine(About::Mail, format!("{} answered{signed_in}.", smtp::place(&mail.smtp)));
        }
        Err(words) => {
            let advice = "Look at [mail] smtp, and at the mail server. Mail waits until it is taken.";
            findings.wrong(About::Mail, words, advice);
        }
    }
    let Some(kept) = seen.map(|seen| seen.kept) else { return };
    if kept.mails_waiting > 0 {
        let said =
            format!("{} tried in vain and waiting.", counted(kept.mails_waiting, "mail was", "mails were"));
        findings.warning(
            About::Mail,
            said,
            "Nothing, if the mail server answers again: they are tried by themselves.",
        );
    }
    if kept.mails_given_up > 0 {
        let said = format!(
            "{} given up in the last 30 days.",
            counted(kept.mails_given_up, "mail was", "mails were")
        );
        findings.warning(About::Mail, said, "Their person's page says why. Make a new link for them.");
    }
}
