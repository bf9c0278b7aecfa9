//! All data in one file, while the server runs or not; and what a file is told to be that isn't a whole backup of this server's.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Done, Request, Server};

const ADA: &str = "ada@example.org";

/// A server with somebody and something in it, and a backup of it.
fn backed_up() -> (Server, PathBuf) {
    let server = Server::start();
    let (person, _) = (server.person(ADA), server.service("mail", "mail"));
    person.generate("Phone", "mail");
    let file = server.folder().join("ada.backup");
    server.run(&["admin", "backup", &file.display().to_string()]).with(0);
    (server, file)
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn describe(server: &Server, file: &Path) -> Done {
    server.run(&["admin", "backup", "--describe", &file.display().to_string()])
}

#[test]
fn a_backup_says_what_it_holds_and_is_for_its_owner_alone() {
    let (server, file) = backed_up();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = lines(&file);
    let header = &lines[0];
    assert_eq!(header["doorkey_backup"], 1);
    assert_eq!(header["doorkey_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(header["last_event"]["epoch"], 1);
    let rows: u64 = header["tables"].as_array().unwrap().iter().map(|t| t["rows"].as_u64().unwrap()).sum();
    assert_eq!(u64::try_from(lines.len()).unwrap(), rows + 2, "a line a row, and one before and one behind");
    assert_eq!(lines.last().unwrap()["end"]["rows"], rows);
    let left: Vec<_> =
        fs::read_dir(server.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial")), "{left:?}");
    let described = describe(&server, &file).with(0).out;
    assert!(described.contains("1 account, 1 app-specific password, 1 service"), "{described}");

    server.stop().with(0);
    let second = server.folder().join("second.backup");
    let wrote = server.run(&["admin", "backup", &second.display().to_string(), "--json"]).json();
    assert_eq!(wrote["rows"]["accounts"], 1);
    assert_eq!(wrote["bytes"], fs::metadata(&second).unwrap().len());
    assert_eq!(wrote["key"], header["key"]);
    // What is kept is the same, whether a server gave it or not: but for the time, and what was used meanwhile.
    let (first, second) = (self::lines(&file), self::lines(&second));
    assert_eq!(first[0]["tables"], second[0]["tables"]);
    assert!(first[1..first.len() - 1] == second[1..second.len() - 1]);
}

#[test]
fn it_goes_to_standard_output_too() {
    let (server, file) = backed_up();
    let done = server.run(&["admin", "backup", "-"]).with(0).said("Wrote standard output: 1 account");
    let piped = server.folder().join("piped");
    fs::write(&piped, &done.out).unwrap();
    describe(&server, &piped).with(0);
    assert_eq!(lines(&piped)[0]["tables"], lines(&file)[0]["tables"]);
}

#[test]
fn it_never_takes_the_place_of_anything() {
    let (server, file) = backed_up();
    let before = fs::read(&file).unwrap();
    server.run(&["admin", "backup", &file.display().to_string()]).with(1).said("is there already");
    assert!(before == fs::read(&file).unwrap());
    server.run(&["admin", "backup", &server.folder().display().to_string()]).with(1).said("is there already");
    let nowhere = server.folder().join("no/such/folder");
    server.run(&["admin", "backup", &nowhere.display().to_string()]).with(1).said("can't be made");
}

#[test]
fn only_this_machine_gets_one() {
    let server = Server::start();
    let administrator = server.administrator(ADA);
    let token = administrator.api.token.clone().unwrap();
    let mut request = Request::get("/machine/backup");
    assert_eq!(server.ask(&request).problem(), "404 not-found");
    request = request.header("Authorization", format!("Bearer {token}"));
    assert_eq!(server.ask(&request).problem(), "404 not-found");
    assert_eq!(administrator.browser().get("/machine/backup").status(), 404);
}

#[test]
fn a_server_that_is_not_there_or_has_no_data_is_told() {
    let server = Server::new(&[]);
    let file = server.folder().join("x").display().to_string();
    server.run(&["admin", "backup", &file]).with(1).said("There is no data of Doorkey's in");
    assert!(!Path::new(&file).exists());
    assert!(!server.data().exists());
}

/// The file with its lines changed, and the checksum made to fit.
fn forged(file: &Path, change: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
    let text = fs::read_to_string(file).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let mut end: Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    change(&mut lines);
    let mut text = lines.join("\n") + "\n";
    end["end"]["sha256"] = BASE64.encode(Sha256::digest(&text)).into();
    text += &format!("{end}\n");
    text.into_bytes()
}

#[test]
fn whatever_is_wrong_with_a_file_is_told_apart() {
    let (server, file) = backed_up();
    let whole = fs::read(&file).unwrap();
    let bad = server.folder().join("bad");
    let told = |content: &[u8], said: &str| {
        fs::write(&bad, content).unwrap();
        describe(&server, &bad).with(1).said(said).said(&bad.display().to_string());
    };
    told(b"", "is empty");
    told(b"hello", "is no backup of Doorkey's");
    told(b"{}\n", "is no backup of Doorkey's");
    told(b"{\"doorkey_backup\":true}\n", "is no backup of Doorkey's");
    told(&[0xff; 4096], "is no backup of Doorkey's");
    told(&vec![b'a'; 3 * 1024 * 1024], "is no backup of Doorkey's");
    told(&[b"{\"doorkey_backup\":1}\n", &whole[..]].concat(), "isn't as it was written");
    told(b"{\"doorkey_backup\":2,\"doorkey_version\":\"9.0.0\"}\n", "was written by a newer Doorkey (9.0.0");

    let at = |text: &str| whole.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let header = at("\n") + 1;
    let ends: Vec<_> = (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
    let mut cuts = vec![30, header - 1, header, header + 1, whole.len() - 2, whole.len() - 1];
    cuts.extend(ends.iter().rev().skip(1).take(3));
    for cut in cuts {
        told(&whole[..cut], "is cut short");
    }
    // A byte here and there: in the header, in rows, in the proof. The first bytes say what it is at all.
    for place in (at("doorkey_version")..whole.len()).step_by(whole.len() / 40) {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&bad, &altered).unwrap();
        let done = describe(&server, &bad).with(1);
        let known = ["isn't as it was written", "is cut short", "made its checksum fit"];
        assert!(known.iter().any(|said| done.err.contains(said)), "{place}: {}", done.err);
    }
    told(&[&whole[..], b"x"].concat(), "isn't as it was written");
    told(&[&whole[..], &whole[header..]].concat(), "isn't as it was written");
    // A row of many megabytes.
    let mut long = File::create(&bad).unwrap();
    long.write_all(&whole[..header]).unwrap();
    long.write_all(&vec![b'['; 17 * 1024 * 1024]).unwrap();
    describe(&server, &bad).with(1).said("isn't as it was written");

    // Changed by somebody who made the checksum fit, but hasn't the keys.
    let administrators = forged(&file, |lines| {
        let row = lines.iter_mut().find(|line| line.contains(ADA) && line.contains("\"active\"")).unwrap();
        *row = row.replacen(",0,\"active\"", ",1,\"active\"", 1);
    });
    assert!(administrators != whole);
    told(&administrators, "made its checksum fit");
    let newer = forged(&file, |lines| {
        let mut header: Value = serde_json::from_str(&lines[0]).unwrap();
        let migrations = header["migrations"].as_array_mut().unwrap();
        migrations.push(serde_json::json!({ "version": migrations.len() + 1, "checksum": "" }));
        lines[0] = header.to_string();
    });
    told(&newer, "was written by a newer Doorkey");
    let other = forged(&file, |lines| {
        let mut header: Value = serde_json::from_str(&lines[0]).unwrap();
        header["migrations"][0]["checksum"] = "AAAA".into();
        lines[0] = header.to_string();
    });
    told(&other, "whose migration 1 is another one than here");

    describe(&server, server.folder()).with(1).said("is a folder");
    describe(&server, &server.folder().join("nothing")).with(1).said("can't be read");
    fs::write(&bad, &whole).unwrap();
    describe(&server, &bad).with(0);
    let other = Server::start();
    let done = describe(&other, &bad).with(1).said("needs the key");
    assert!(done.err.contains("doorkey.key is the key"), "{}", done.err);
    assert!(done.out.contains("1 account"), "what it holds is said all the same");
    fs::remove_file(other.data().join("doorkey.key")).unwrap();
    describe(&other, &bad).with(1).said("there is no key file");
    assert!(!other.data().join("doorkey.key").exists(), "none is made to look at a backup");
}
