//! The people: whether somebody can administer the server, and how many are here.

use crate::config::Config;

use super::{About, Findings, counted, data::Seen};

/// Looks at them.
pub(super) fn look(config: &Config, seen: &Seen, findings: &mut Findings) {
    let (counts, kept) = (&seen.counts, &seen.kept);
    if counts.accounts == 0 {
        let advice = "Start the server and open the link that it prints.";
        return findings.warning(About::People, "Nobody has an account yet.", advice);
    }
    if kept.administrators == 0 {
        let said = "No administrator can sign in.";
        let data = config.data.display();
        let advice = format!("Make one: doorkey admin account add ID --name NAME --admin --data {data}");
        findings.wrong(About::People, said, advice);
    } else if kept.administrators_without_second_factor > 0 {
        let who =
            counted(kept.administrators_without_second_factor, "administrator has", "administrators have");
        let said = format!("{who} no two-factor authentication.");
        findings.warning(
            About::People,
            said,
            "They turn it on at Sign-In and Security; People says who it is.",
        );
    }
    let said = format!(
        "{} ({}), {} in use.",
        counted(counts.accounts, "account", "accounts"),
        counted(kept.administrators, "administrator", "administrators"),
        counted(counts.app_passwords, "app-specific password", "app-specific passwords")
    );
    findings.fine(About::People, said);
}
