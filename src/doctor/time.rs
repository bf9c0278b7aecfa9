//! The machine's clock: the codes of authenticator apps fit only while it is right.

use domain::Timestamp;

use super::{About, Findings, data::Seen};

/// No clock of a machine that this version runs on shows an earlier time: 1 January 2026.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Looks at it.
pub(super) fn look(seen: &Seen, now: Timestamp, findings: &mut Findings) {
    let advice = "Set it right, and see that something keeps it right (systemd-timesyncd, chrony): codes of authenticator apps fit only \
                  while it is.";
    match seen.latest {
        Some(latest) if latest.since(now) > 60_000 => {
            let said = format!(
                "The clock stands before the last event: it says {}, and that was at {}.",
                now.exact(),
                latest.exact()
            );
            findings.wrong(About::Clock, said, advice);
        }
        _ if now < EARLIEST => {
            findings.wrong(
                About::Clock,
                format!("The clock says {}, before this version was made.", now.exact()),
                advice,
            );
        }
        _ if unsynchronised() => {
            let said =
                format!("The clock says {}, and nothing has set it since the machine started.", now.exact());
            findings.warning(About::Clock, said, advice);
        }
        _ => findings.fine(About::Clock, format!("The clock says {}.", now.exact())),
    }
}

/// Whether systemd-timesyncd runs, and has found no one to ask yet.
fn unsynchronised() -> bool {
    let state = std::path::Path::new("/run/systemd/timesync");
    state.exists() && !state.join("synchronized").exists()
}
