//! The certificates that the server shows itself: whether they hold, are for the right name, and are the ones in their files.

use std::{fs, os::unix::fs::PermissionsExt as _};

use domain::Timestamp;

use crate::{
    app::App,
    config::{Config, TlsFiles},
    server::tls::{self, Looked},
};

use super::{About, Findings};

/// From so many days before its end on, somebody should know.
const SOON_DAYS: i64 = 14;
const DAY: i64 = 86_400_000;

/// That of the server that runs.
pub(super) fn of_server(app: &App, now: Timestamp, findings: &mut Findings) {
    let Some(looked) = of_http(&app.config, now, findings) else { return };
    if app.certificate.as_ref().is_some_and(|shown| shown.validity() != looked.validity) {
        let said = "The server shows another certificate than the one in its file.";
        let advice =
            "It is read anew with the next connection. If this stays, the log says why it can't be used.";
        findings.warning(About::Certificate, said, advice);
    }
}

/// Those in the files.
pub(super) fn of_data(config: &Config, now: Timestamp, findings: &mut Findings) {
    of_http(config, now, findings);
}

fn of_http(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<Looked> {
    of_ldap(config, now, findings);
    let files = config.http.tls.as_ref()?;
    let looked = match tls::look(files, config.http.public_url.host()) {
        Ok(looked) => looked,
        Err(error) => {
            let advice =
                "A server that runs goes on with the one it has, and doesn't start again with this one.";
            findings.wrong(About::Certificate, error.to_string(), advice);
            return None;
        }
    };
    judge(files, &looked, now, findings);
    let (named, host) = (files.certificate.display(), config.http.public_url.host());
    if !looked.fits {
        let said = format!("{named} isn't for {host}, where [http] public_url sends people.");
        findings.wrong(
            About::Certificate,
            said,
            "Get one for that name, or set public_url to the name that it is for.",
        );
    }
    if findings.is_fine(About::Certificate) {
        let until = looked.validity.ends_at.date();
        findings.fine(About::Certificate, format!("{named} is for {host}, until {until}."));
    }
    Some(looked)
}

/// The LDAP door's, where it has one of its own. By which name it is reached isn't known here.
fn of_ldap(config: &Config, now: Timestamp, findings: &mut Findings) {
    let Some(files) = config.ldap.tls.as_ref().filter(|files| config.http.tls.as_ref() != Some(files)) else {
        return;
    };
    match tls::look(files, config.http.public_url.host()) {
        Ok(looked) => judge(files, &looked, now, findings),
        Err(error) => {
            let advice = "The LDAP door goes on with the one it has, and the server doesn't start again with this one.";
            findings.wrong(About::Certificate, error.to_string(), advice);
        }
    }
}

fn judge(files: &TlsFiles, looked: &Looked, now: Timestamp, findings: &mut Findings) {
    let (named, until) = (files.certificate.display(), looked.validity.ends_at);
    let advice = "Renew it, and put the new one in its place: the server reads it without a restart.";
    if now < looked.validity.begins_at {
        let said = format!("{named} holds only from {} on.", looked.validity.begins_at.exact());
        findings.wrong(About::Certificate, said, "Look at the clock, or take another one.");
    } else if until <= now {
        findings.wrong(About::Certificate, format!("{named} has expired on {}.", until.exact()), advice);
    } else if until.since(now) < SOON_DAYS * DAY {
        let said = format!("{named} expires {}, on {}.", until.human(now), until.exact());
        findings.warning(About::Certificate, said, advice);
    }
    let mode = fs::metadata(&files.key).map_or(0, |found| found.permissions().mode() & 0o7777);
    if mode & 0o007 != 0 {
        let key = files.key.display();
        let said = format!("Everybody on this machine may read {key} (mode {mode:04o}).");
        findings.warning(About::Certificate, said, format!("Run: chmod o= {key}"));
    }
}
