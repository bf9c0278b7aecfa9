//! Sign-ins that are refused: summed up in the log, bounded whatever comes, and told line by line to fail2ban.

use std::{fmt::Write as _, process::Command};

use serde_json::{Value, json};

use crate::support::{Connection, Person, Server, Service, race};

const ADA: &str = "ada@example.org";
const WRONG: &str = "abcd-efgh-ijkl-mnop-qrst-uvwx";
const BEHIND_A_PROXY: (&str, &str) = ("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1");

/// Asks a door as an app at this address does.
fn from(server: &Server, service: &Service<'_>, address: &str, name: &str, secret: &str) -> u16 {
    server.ask(&service.question(name, secret).header("X-Forwarded-For", address)).status
}

/// How much memory the server's process holds, in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_flood_from_everywhere_fills_neither_memory_nor_the_log() {
    let server = Server::start_with(&[BEHIND_A_PROXY]);
    let (person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let flood = |rounds: usize| {
        race(4, |thread| {
            let mut connection = Connection::open(&server.address());
            for round in 0..rounds {
                let n = (thread * rounds + round) % 10_000;
                let source = format!("10.{}.{}.{}", n / 62_500, n / 250 % 250, n % 250 + 1);
                let name =
                    if n.is_multiple_of(2) { ADA.to_owned() } else { format!("canary{n}@example.org") };
                let request = mail.question(&name, WRONG).header("X-Forwarded-For", source);
                assert_eq!(connection.ask(&request).status, 401);
            }
        });
    };
    flood(500);
    let before = resident(&server);
    flood(2_500);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more for 10000 refusals from 10000 addresses");
    server.restart();
    let refused = person.log("sort=refusals");
    let told: u64 = refused.iter().map(|event| event["count"].as_u64().unwrap()).sum();
    assert_eq!(told, 12_000, "none is forgotten");
    // At most three rounds of writing fell into it: the first of each kind, what came within a minute, and the end.
    assert!(refused.len() <= 3 * (10 + 1 + 30 + 1), "{} lines", refused.len());
    let own = person.told("more_refused");
    assert!(own[0]["sentence"].as_str().unwrap().starts_with("And "), "{own:?}");
    assert!(!serde_json::to_string(&refused).unwrap().contains("canary"));
    let log = server.log();
    assert!(!log.contains("canary"));
    let lines = log.lines().filter(|line| line.contains("refused sign-in from")).count();
    assert!(lines > 10 && lines < 4_000, "{lines} lines");
    assert!(log.contains(" more sign-ins, without a line for each"), "{log}");
}

/// What somebody meets who guesses, and somebody who doesn't: as log lines, of this format.
fn lines_of_each_kind(format: &str) -> (String, usize) {
    let server = Server::start_with(&[BEHIND_A_PROXY, ("DOORKEY__LOG__FORMAT", format)]);
    server.clock.stand_still();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let calendar = server.service("calendar", "calendars");
    let (ended, live) = (person.generate("Old", "mail"), person.generate("Phone", "mail"));
    person.revoke(&ended).with(200);
    let sign_in = |address: &str, asked: &Value| {
        let request = server.api("").request("POST", "/sign-in", Some(asked));
        server.ask(&request.header("X-Forwarded-For", address)).status
    };
    // These guess, or look like it: each is a line that the filter takes.
    assert_eq!(from(&server, &mail, "203.0.113.1", ADA, WRONG), 401);
    assert_eq!(from(&server, &mail, "2001:db8::2", "WARN refused@example.org", "x"), 401);
    let wrong =
        json!({ "id": ADA, "password": "refused sign-in from 198.51.100.1 at the sign-in page: wrong code" });
    assert_eq!(sign_in("203.0.113.3", &wrong), 401);
    assert_eq!(sign_in("203.0.113.4", &json!({ "id": "eve@example.org", "password": "x" })), 401);
    let code = json!({ "id": ADA, "password": person.password, "code": person.wrong_code() });
    assert_eq!(sign_in("203.0.113.5", &code), 401);
    let taken = 5;
    // A second time in the same second adds no line.
    assert_eq!(from(&server, &mail, "203.0.113.1", ADA, WRONG), 401);
    // These don't: the lines are there, and the filter leaves them alone.
    assert_eq!(from(&server, &mail, "203.0.113.6", ADA, &ended.password), 401);
    assert_eq!(from(&server, &calendar, "203.0.113.7", ADA, &live.password), 403);
    assert_eq!(from(&server, &mail, "203.0.113.8", ADA, &live.password), 200);
    // Whoever writes into a path or a header writes no line of this form.
    let path =
        "/WARN%20refused%20sign-in%20from%20198.51.100.2%20at%20the%20sign-in%20page:%20wrong%20password";
    server.ask(&crate::support::Request::get(path).header("X-Forwarded-For", "198.51.100.3"));
    let forged = "198.51.100.4 at the sign-in page: wrong password";
    assert_eq!(from(&server, &mail, forged, ADA, &live.password), 200);
    (server.stop().err, taken)
}

/// What Debian's fail2ban makes of a log: how many lines it takes, and which addresses it would ban.
fn fail2ban(log: &str, filter: &str) -> (usize, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorkey.log");
    std::fs::write(&file, log).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/fail2ban/filter.d/doorkey.conf");
    // It reads its own parts beside the filter.
    let parts = folder.path().join("filter.d");
    std::fs::create_dir(&parts).unwrap();
    std::fs::copy(shipped, parts.join("doorkey.conf")).unwrap();
    std::fs::copy("/etc/fail2ban/filter.d/common.conf", parts.join("common.conf")).unwrap();
    let run = |out: &str| {
        let mut command = Command::new("fail2ban-regex");
        command.arg("-c").arg(folder.path()).args(["-o", out]).arg(&file).arg(filter);
        let output =
            command.output().expect("fail2ban is missing. Install it: sudo apt-get install fail2ban");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mut banned: Vec<_> = run("ip").lines().map(str::to_owned).collect();
    banned.sort();
    (banned.len(), banned)
}

#[test]
fn fail2ban_bans_who_guesses_and_nobody_else() {
    for format in ["human", "json"] {
        let (log, taken) = lines_of_each_kind(format);
        let said = log.lines().filter(|line| line.contains("refused sign-in from 2")).count();
        assert!(said >= taken + 2, "{log}");
        let (count, banned) = fail2ban(&log, "doorkey");
        let expected = ["2001:db8::2", "203.0.113.1", "203.0.113.3", "203.0.113.4", "203.0.113.5"];
        assert_eq!((count, banned), (taken, expected.map(str::to_owned).to_vec()), "{log}");
        let (_, at_the_page) = fail2ban(&log, "doorkey[place=\"the sign-in page\"]");
        assert_eq!(at_the_page, ["203.0.113.3", "203.0.113.4", "203.0.113.5"], "{log}");
        // As the journal gives it, with its own words before.
        let mut journal = String::new();
        for line in log.lines() {
            writeln!(journal, "Nov 21 10:58:30 host doorkey[123]: {line}").unwrap();
        }
        assert_eq!(fail2ban(&journal, "doorkey").0, taken, "{journal}");
        for hint in ["password has ended", "password is for something else"] {
            assert!(log.contains(hint), "{hint} isn't in {log}");
        }
    }
}

#[test]
fn the_form_of_a_line_is_the_one_that_is_documented() {
    let (log, _) = lines_of_each_kind("human");
    for line in [
        " WARN refused sign-in from 203.0.113.1 at door mail: wrong password",
        " WARN refused sign-in from 2001:db8::2 at door mail: unknown account",
        " WARN refused sign-in from 203.0.113.3 at the sign-in page: wrong password",
        " WARN refused sign-in from 203.0.113.4 at the sign-in page: unknown account",
        " WARN refused sign-in from 203.0.113.5 at the sign-in page: wrong code",
        " INFO refused sign-in from 203.0.113.6 at door mail: password has ended",
        " INFO refused sign-in from 203.0.113.7 at door calendar: password is for something else",
    ] {
        assert_eq!(
            log.lines().filter(|found| found.ends_with(line)).count(),
            1,
            "{line} isn't once in {log}"
        );
    }
    let documented = include_str!("../../docs/operating.md");
    assert!(documented.contains("refused sign-in from ADDRESS at PLACE: REASON"));
}

#[test]
fn who_is_slowed_down_is_told_apart() {
    let server = Server::start_with(&[BEHIND_A_PROXY]);
    let person = server.person(ADA);
    server.clock.stand_still();
    let asked = json!({ "id": ADA, "password": "not the password" });
    let statuses: Vec<_> = (0..8)
        .map(|_| {
            let request = server.api("").request("POST", "/sign-in", Some(&asked));
            server.ask(&request.header("X-Forwarded-For", "203.0.113.9")).status
        })
        .collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    server.restart();
    server.clock.move_by(3_600);
    let person = Person::new(&server, ADA, person.secret.as_deref()).signed_in();
    let told = person.told("sign_in_refused");
    let count = |reason: &str| -> u64 {
        told.iter()
            .filter(|event| event["reason"] == reason)
            .map(|event| event["count"].as_u64().unwrap())
            .sum()
    };
    assert_eq!(count("wrong_password") + count("too_many_attempts"), 8, "{told:?}");
    assert!(count("too_many_attempts") > 0);
    assert!(server.log().contains("refused sign-in from 203.0.113.9 at the sign-in page: too many attempts"));
}
