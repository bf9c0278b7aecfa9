//! A disk that is full, or may only be read: doors go on, changes are refused and told why, and nothing is lost.
//!
//! The disk is a small one in memory, in a mount namespace of the server's own. Where the system gives none to whoever runs the
//! tests, the server doesn't start, and says that `unshare` was refused: run them as root, or allow user namespaces.

use std::{fs, io::Write as _, path::Path};

use serde_json::json;

use crate::support::{Data, Done, Request, Server, until};

const ADA: &str = "ada@example.org";

/// Fills the disk that this folder is on, to the last byte.
fn fill(folder: &Path) {
    let mut file = fs::File::create(folder.join("filler")).unwrap();
    let mut piece = vec![7_u8; 64 * 1024];
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
            Err(error) => panic!("{error}"),
        }
    }
}

fn ready(server: &Server) -> serde_json::Value {
    server.ask(&Request::get("/health/ready")).json(200)
}

#[test]
fn while_the_disk_is_full_doors_go_on_and_nothing_changes() {
    let server = Server::start_on_a_disk_of("4m");
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let phone = person.generate("Phone", "mail");
    let folder = server.data_seen();
    fill(&folder);
    let refused = person.try_generate("Laptop", "mail");
    assert_eq!(refused.header("retry-after"), Some("5"));
    let told = refused.json_problem();
    assert_eq!((&told["status"], &told["code"]), (&json!(503), &json!("unavailable")));
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("Nothing was changed") && detail.contains("make room"), "{detail}");
    assert_eq!(person.revoke(&phone).status, 503);
    let now = ready(&server);
    assert_eq!(now["status"], "limited");
    assert!(now["checks"]["changes"].as_str().unwrap().contains("disk is full"), "{now}");
    // Verifying needs no write: the password was not revoked, and is still good.
    for _ in 0..50 {
        assert_eq!(mail.status(ADA, &phone.password), 200);
        assert_eq!(mail.status(ADA, "abcdabcdabcdabcdabcdabcd"), 401);
    }
    assert_eq!(person.list()["active"], 1);
    // A backup needs the room where it goes, and leaves nothing of itself there.
    let client =
        nsenter(&server, &["admin", "backup", &server.data().join("x.backup").display().to_string()]);
    client.with(1).said("No space left").said("Make room");
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("backup")), "{left:?}");

    // With room again it goes on by itself.
    fs::remove_file(folder.join("filler")).unwrap();
    until(|| ready(&server)["status"] == "ok");
    person.generate("Laptop", "mail");
    person.revoke(&phone).with(200);
    assert_eq!(mail.status(ADA, &phone.password), 401);
    nsenter(&server, &["admin", "check"]).with(0);
    let log = server.log();
    assert!(log.contains("database or disk is full") && log.contains("can be written to again"), "{log}");
    assert_eq!(server.stop().code, Some(0));
}

/// A command on the machine as the server sees it.
fn nsenter(server: &Server, arguments: &[&str]) -> Done {
    let command = server.command(arguments);
    let mut inside = std::process::Command::new("nsenter");
    inside
        .args(["--mount", "--user", "--preserve-credentials", "--target"])
        .arg(server.process().to_string());
    inside.arg("--").arg(command.get_program()).args(command.get_args()).env_clear();
    inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Done::of(inside.env("PATH", "/usr/bin:/bin"), "")
}

#[test]
fn a_start_without_room_or_without_leave_to_write_says_so_in_a_line() {
    let server = Server::on(Data::File, &[]);
    server.start_again();
    server.person(ADA);
    server.stop().with(0);
    let kept = server.folder().join("kept");
    fs::rename(server.data(), &kept).unwrap();
    fs::create_dir(server.data()).unwrap();
    let copy = format!("cp -a '{}'/. .", kept.display());
    for (after, said) in [
        ("cd / && mount -o remount,ro \"$0\"", "Read-only file system"),
        ("cat /dev/zero > filler 2>/dev/null", "Make room on its disk"),
    ] {
        let done = Done::of(&mut server.on_its_disk("1m", &format!("{copy}; {after}")), "");
        let done = done.with(1).said(said);
        let last = done.err.lines().last().unwrap();
        assert!(
            last.starts_with("doorkey: ") && last.contains(&server.data().display().to_string()),
            "{done:?}"
        );
    }
}
