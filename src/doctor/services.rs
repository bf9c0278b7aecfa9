//! The services: a line each, and those that ask with a wrong key.

use domain::Timestamp;

use crate::app::App;

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
