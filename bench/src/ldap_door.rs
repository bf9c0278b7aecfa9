//! Binds at the LDAP door, beside its null server and slapd.

use std::fs;

use crate::{
    data::{self, Sample},
    load::{Work, unnumbered},
    process::{Null, Running},
    table,
};

/// How many accounts there are, here and in slapd.
const ACCOUNTS: usize = 10_000;

/// Measures and prints the table.
pub fn run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let sample = data::fill(&data, ACCOUNTS);
    let null = Running::start(&["null", Null::Ldap.name()]);
    let doorkey = Running::start_at("ldap", &["server", data.to_str().unwrap()]);
    let slapd = slapd(folder.path(), &sample);
    table::head(&["connections", "kept", "passwords", "answer"], &["slapd"]);
    for (connections, kept) in [(8, true), (64, true), (8, false)] {
        for (passwords, right) in [(1, true), (25, true), (1, false), (25, false)] {
            let (kept_is, answer) = (if kept { "yes" } else { "no" }, if right { "yes" } else { "no" });
            let about = [connections.to_string(), kept_is.into(), passwords.to_string(), answer.into()];
            let work = |code| Work { kept, ..work(&sample, passwords, right, code) };
            let code = if right { SUCCESS } else { INVALID_CREDENTIALS };
            let ceiling = null.measure(connections, work(SUCCESS));
            let measured = doorkey.measure(connections, work(code));
            let peer = slapd.measure(connections, work(code));
            table::row(&about, &ceiling, &measured, &[&peer]);
        }
    }
}

const SUCCESS: u8 = 0;
const INVALID_CREDENTIALS: u8 = 49;

fn work(sample: &Sample, passwords: usize, right: bool, code: u8) -> Work {
    Work {
        requests: sample.sign_ins(passwords, right).map(|(name, secret)| bind(name, secret)).collect(),
        apart: 97,
        numbered: unnumbered,
        hello: None,
        // Each answer here is shorter than 128 bytes, and says how long it is in its second.
        is_whole: |answer| answer.get(1).is_some_and(|length| answer.len() == 2 + usize::from(*length)),
        // The message's number, and then BindResponse with its code.
        is_right: Box::new(move |answer| {
            answer[2..5] == [2, 1, 1] && answer[5] == 0x61 && answer[7..10] == [10, 1, code]
        }),
        kept: true,
    }
}

/// A simple bind (RFC 4511, 4.2); its name and password are short.
fn bind(name: &str, secret: &str) -> Vec<u8> {
    let with_length = |tag: u8, inner: &[u8]| {
        let length = u8::try_from(inner.len()).unwrap();
        // 0x81: the length is in the next byte, also when it is short.
        [&[tag, 0x81, length], inner].concat()
    };
    let dn = with_length(4, format!("uid={name},ou=calendar,dc=doorkey").as_bytes());
    let secret = with_length(0x80, secret.as_bytes());
    let bind = with_length(0x60, &[&[2, 1, 3][..], &dn, &secret].concat());
    with_length(0x30, &[&[2, 1, 1][..], &bind].concat())
}

/// slapd with the same people and passwords, as {SSHA}.
fn slapd(folder: &std::path::Path, sample: &Sample) -> Running {
    let part_of = |name: &str| folder.join(name).display().to_string();
    fs::create_dir(folder.join("slapd")).unwrap();
    let schemas: String = ["core", "cosine", "inetorgperson"]
        .map(|name| format!("include /etc/ldap/schema/{name}.schema\n"))
        .concat();
    let settings = format!(
        "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nsuffix dc=doorkey\ndirectory {}\n\
         maxsize 268435456\nloglevel 0\n",
        part_of("slapd")
    );
    fs::write(folder.join("slapd.conf"), settings).unwrap();
    let mut entries = String::from(
        "dn: dc=doorkey\nobjectClass: domain\ndc: doorkey\n\ndn: ou=calendar,dc=doorkey\nobjectClass: organizationalUnit\nou: calendar\n\n",
    );
    for (name, hashed) in sample.hashed() {
        entries += &format!(
            "dn: uid={name},ou=calendar,dc=doorkey\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             userPassword: {hashed}\n\n"
        );
    }
    fs::write(folder.join("people.ldif"), entries).unwrap();
    let (settings, people) = (part_of("slapd.conf"), part_of("people.ldif"));
    Running::once("slapadd", &["-q", "-f", &settings, "-l", &people]);
    Running::peer("slapd", |address| {
        vec!["-f".into(), settings.clone(), "-h".into(), format!("ldap://{address}"), "-d".into(), "0".into()]
    })
}
