//! The services: a line each, and those that ask with a wrong key.

use std::collections::BTreeMap;

use domain::Timestamp;
use store::sign_outs;

use crate::{app::App, sign_out::engine};

use super::{About, Findings, counted, data::Seen};

/// Looks at them.
pub(super) fn look(seen: &Seen, now: Timestamp, findings: &mut Findings) {
    if seen.services.is_empty() {
        return findings.fine(About::Services, "No service is registered yet.");
    }
    for service in &seen.services {
        let (name, kinds) = (&service.name, service.kinds);
        if service.for_nobody {
            let said = format!("{name} ({kinds}) is kept to groups with nobody in them: nobody may use it.");
            findings.warning(About::Services, said, "Put people into its groups, or open it to everyone.");
            continue;
        }
        let used = match service.last_used {
            Some(at) => format!("last used {}", at.human(now)),
            None => "never used".into(),
        };
        findings.fine(About::Services, format!("{name} ({kinds}): {used}."));
    }
}

/// Whether people can be signed out of those that are to do it: each is reached, and nobody is signed out.
pub(super) async fn signed_out(app: &App, findings: &mut Findings) {
    let names: BTreeMap<_, _> =
        app.live.services().values().map(|service| (service.id, service.name.to_string())).collect();
    let Ok(ways) = app.store.read(sign_outs::ways) else { return };
    for way in ways {
        let Some(name) = names.get(&way.service) else { continue };
        let waiting = app.store.read(|conn| sign_outs::waiting(conn, way.service)).unwrap_or_default();
        match engine::reach(app, &way).await {
            Err(why) => {
                let said = format!("Nobody can be signed out of {name}: {why}");
                findings.wrong(About::Services, said, format!("Look at Signing out on the page of {name}."));
            }
            Ok(()) if waiting.first > 0 => {
                let waiting =
                    counted(waiting.first, "request to sign out waits", "requests to sign out wait");
                let said = format!("{name} answers, and {waiting} for it.");
                findings.warning(About::Services, said, format!("The page of {name} says why."));
            }
            Ok(()) => findings.fine(About::Services, format!("{name} can be asked to sign people out.")),
        }
    }
}

/// Those that asked with a wrong key since the server started.
pub(super) fn refused(app: &App, findings: &mut Findings) {
    for (name, service) in app.live.services().iter() {
        let times: u64 = service
            .answers
            .all()
            .filter(|(_, answer, _)| *answer == "wrong_key")
            .map(|(.., count)| count)
            .sum();
        if times > 0 {
            let times = counted(i64::try_from(times).unwrap_or(i64::MAX), "time", "times");
            let said = format!("{name} was asked for with a wrong key {times} since the server started.");
            let advice = "Put the key that Doorkey gave out into the server in front of it, or make a new one on its page.";
            findings.warning(About::Services, said, advice);
        }
    }
}
