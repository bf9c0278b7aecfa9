//! The key: whether it is there, is closed to others, opens the data, and lies apart from it.

use std::sync::Arc;

use seal::{Keyring, MasterKeys};

use crate::{
    app::App,
    config::{Config, Key},
    key::{self as source, KeyError},
};

use super::{About, Findings, data::Seen};

/// After so many days a key should be replaced.
const OLD_DAYS: i64 = 400;

/// That of the server that runs: what its place holds now, which the next start will go by.
pub(super) async fn of_server(app: &Arc<App>, seen: Option<&Seen>, findings: &mut Findings) {
    // It was read to its end at the start, and can't be read again.
    if let Key::Fd(_) = app.config.key {
        return findings.fine(About::Key, "The key was given to the server when it started.");
    }
    let key = app.config.key.clone();
    // A command may take its time.
    match tokio::task::spawn_blocking(move || source::fetch(&key)).await {
        Ok(fetched) => judge(&app.config, fetched, seen, findings),
        Err(_) => findings.wrong(About::Key, "The key can't be fetched.", "The server's log says why."),
    }
}

/// That of the data where no server runs.
pub(super) fn of_data(config: &Config, seen: Option<&Seen>, findings: &mut Findings) {
    match config.key {
        Key::Fd(fd) => {
            findings.fine(About::Key, format!("The server is to be given its key as file descriptor {fd}."));
        }
        _ => judge(config, source::fetch(&config.key), seen, findings),
    }
}

fn judge(
    config: &Config,
    fetched: Result<MasterKeys, KeyError>,
    seen: Option<&Seen>,
    findings: &mut Findings,
) {
    let place = source::place(&config.key);
    let masters = match fetched {
        Ok(masters) => masters,
        Err(error) => {
            // Each says what to do.
            let said = format!("{error}.");
            return findings.wrong(
                About::Key,
                said,
                "Without its key the server doesn't start, and the data is of no use.",
            );
        }
    };
    if let Some(wrapped) = seen.map(|seen| seen.wrapped.as_deref()) {
        match wrapped.ok_or(seal::OpenError::Corrupt).and_then(|wrapped| Keyring::open(&masters, wrapped)) {
            Ok(_) => {}
            Err(why) => {
                let advice = "Put the right one back. A server that still runs has it in memory, and won't start again without it.";
                return findings.wrong(About::Key, format!("{place}: {why}."), advice);
            }
        }
    }
    if let Key::File(path) = &config.key
        && let (Ok(path), Ok(data)) = (path.canonicalize(), config.data.canonicalize())
        && path.starts_with(&data)
    {
        let said = format!("{place} lies in the data folder: whoever copies the folder has the key as well.");
        let advice = "Move it elsewhere, and set [key] file to its new place.";
        return findings.warning(About::Key, said, advice);
    }
    if !masters.others.is_empty() {
        let said = format!("{place} holds older keys below the first one.");
        return findings.warning(
            About::Key,
            said,
            "Once `doorkey admin rotate-key` has finished, remove their lines.",
        );
    }
    let made = seen.and_then(|seen| Some((seen.key_made_at?, seen.now)));
    match made {
        Some((at, now)) if at.plus_days(OLD_DAYS) < now => {
            let said = format!("{place} opens the data. The key was made on {}.", at.date());
            findings.warning(About::Key, said, "Replace it once a year: doorkey admin rotate-key");
        }
        Some((at, _)) => {
            findings.fine(About::Key, format!("{place} opens the data. It was made on {}.", at.date()));
        }
        None => findings.fine(About::Key, format!("{place} holds a key.")),
    }
}
