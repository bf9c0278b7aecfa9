//! The SASL door, beside its null server and Dovecot's own with a passwd-file.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    data::{self, Sample},
    load::Work,
    process::{Null, Running},
    table,
};

/// How many accounts there are, here and in Dovecot's file.
const ACCOUNTS: usize = 10_000;

/// Measures and prints the table.
pub fn run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let sample = data::fill(&data, ACCOUNTS);
    let null = Running::start(&["null", Null::Sasl.name()]);
    let doorkey = Running::start_at("sasl", &["server", data.to_str().unwrap()]);
    let dovecot = dovecot(folder.path(), &sample);
    table::head(&["connections", "passwords"], &["Dovecot"]);
    for (connections, passwords) in [(4, 1), (4, 25), (64, 1)] {
        let about = [connections.to_string(), passwords.to_string()];
        let ceiling = null.measure(connections, work(&sample, passwords));
        let measured = doorkey.measure(connections, work(&sample, passwords));
        let peer = dovecot.measure(connections, work(&sample, passwords));
        table::row(&about, &ceiling, &measured, &[&peer]);
    }
}

fn work(sample: &Sample, passwords: usize) -> Work {
    let request = |name: &str, secret: &str| {
        let response = STANDARD.encode(format!("\0{name}\0{secret}"));
        format!("\tPLAIN\tservice=radicale\tnologin\trip=192.0.2.1\tsecured\tresp={response}\n").into_bytes()
    };
    Work {
        requests: sample.sign_ins(passwords, true).map(|(name, secret)| request(name, secret)).collect(),
        apart: 97,
        numbered: |number| format!("AUTH\t{number}"),
        hello: Some(("\nDONE\n", "VERSION\t1\t1\nCPID\t1\n")),
        is_whole: |answer| answer.ends_with(b"\n"),
        is_right: Box::new(|answer| answer.starts_with(b"OK\t")),
        kept: true,
    }
}

/// Dovecot's authentication server with the same people and passwords, as {SSHA}, and nothing kept of what it has checked.
fn dovecot(folder: &std::path::Path, sample: &Sample) -> Running {
    let part_of = |name: &str| folder.join(name).display().to_string();
    let mut people = String::new();
    for (name, hashed) in sample.hashed() {
        let _ = writeln!(people, "{name}:{hashed}::::::");
    }
    fs::write(folder.join("people"), people).unwrap();
    // Its processes belong to several users.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).unwrap();
    Running::peer("dovecot", |address| {
        let settings = format!(
            "base_dir = {}\nstate_dir = {}\nlog_path = /dev/null\nprotocols =\nlisten = {}\nssl = no\n\
             disable_plaintext_auth = no\nauth_mechanisms = plain login\nauth_cache_size = 0\n\
             passdb {{\n driver = passwd-file\n args = {}\n}}\nuserdb {{\n driver = static\n args = uid=mail gid=mail home=/nonexistent\n}}\n\
             service auth {{\n client_limit = 1000\n inet_listener client {{\n port = {}\n }}\n}}\n",
            part_of("run"),
            part_of("state"),
            address.ip(),
            part_of("people"),
            address.port(),
        );
        fs::write(folder.join("dovecot.conf"), settings).unwrap();
        vec!["-F".into(), "-c".into(), part_of("dovecot.conf")]
    })
}
