//! The program: its version, whether a newer one waits, as whom it runs, and what its unit spares it.

use std::{fs, os::unix::fs::MetadataExt as _};

use super::{About, Findings};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// That of the server that runs.
pub(super) fn of_server(findings: &mut Findings) {
    // A program whose file was replaced goes on running, and the system says so behind its path.
    let replaced =
        fs::read_link("/proc/self/exe").is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"));
    if replaced {
        let said =
            format!("The server runs version {VERSION}, and its program was replaced since it started.");
        findings.warning(About::Program, said, "Restart the server to use the new one.");
    } else {
        findings.fine(About::Program, format!("The server runs version {VERSION}."));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if root && is_machine_root(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default()) {
        let advice = "Give it a user of its own, as packaging/systemd does.";
        findings.warning(About::Program, "The server runs as root, and needs none of what root may.", advice);
    }
    if std::env::var_os("INVOCATION_ID").is_some() {
        hardening(&status, findings);
    }
}

/// Whether user 0 here is user 0 of the machine.
fn is_machine_root(map: &str) -> bool {
    map.lines().any(|line| line.split_whitespace().take(2).eq(["0", "0"]))
}

/// What a unit of systemd withholds from this process.
fn hardening(status: &str, findings: &mut Findings) {
    let of = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .unwrap_or_default()
    };
    let mut missing = Vec::new();
    if of("NoNewPrivs") == "0" {
        missing.push("NoNewPrivileges=yes");
    }
    if of("Seccomp") == "0" {
        missing.push("SystemCallFilter=@system-service");
    }
    if of("CapBnd").chars().any(|digit| digit != '0') {
        missing.push("CapabilityBoundingSet=");
    }
    if missing.is_empty() {
        findings.fine(About::Program, "systemd gives the server nothing but what it needs.");
    } else {
        let said = format!("The server's unit has no {}.", missing.join(", "));
        findings.warning(
            About::Program,
            said,
            "packaging/systemd has a unit that gives it nothing but what it needs.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_in_a_container_of_its_own_is_nobody_outside() {
        assert!(is_machine_root("         0          0 4294967295\n"));
        assert!(!is_machine_root("         0     100000      65536\n"));
        assert!(!is_machine_root(""));
    }

    #[test]
    fn what_a_unit_leaves_open_is_named() {
        let said = |status: &str| {
            let mut findings = Findings::default();
            hardening(status, &mut findings);
            findings.report(true).checks.remove(0).said
        };
        let shut = "NoNewPrivs:\t1\nSeccomp:\t2\nCapBnd:\t0000000000000000\n";
        assert_eq!(said(shut), "systemd gives the server nothing but what it needs.");
        assert_eq!(
            said(&shut.replace("Privs:\t1", "Privs:\t0")),
            "The server's unit has no NoNewPrivileges=yes."
        );
        let open = "NoNewPrivs:\t1\nSeccomp:\t0\nCapBnd:\t000001ffffffffff\n";
        assert_eq!(
            said(open),
            "The server's unit has no SystemCallFilter=@system-service, CapabilityBoundingSet=."
        );
    }
}
