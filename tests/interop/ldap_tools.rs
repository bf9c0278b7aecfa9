//! OpenLDAP's own clients, with the values that a service's page shows for any software.

use std::collections::HashMap;

use crate::{
    doorkey::{self, Doors},
    parts::{command, shipped_files},
};

const ADA: &str = "ada@example.org";

/// The lines of the page, by what stands at their left.
fn shown(doors: &Doors, service: &str, key: &str) -> HashMap<String, String> {
    let [text] = shipped_files("ldap", &doors.values(service, key)).try_into().unwrap();
    let lines = text.lines().map(|line| line.split_at(21));
    lines.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect()
}

/// Runs one of the tools against the page's server: how it ended, and what it said.
fn run(tool: &str, shown: &HashMap<String, String>, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let server = format!("ldap://{}:{}", shown["Server"], shown["Port"]);
    let done = command(tool, folder.path()).args(["-x", "-H", &server]).args(arguments).output().unwrap();
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    (done.status.code(), said)
}

#[test]
fn a_search_by_the_service_finds_who_signs_in_by_a_bind() {
    let doors = doorkey::with_doors("mail");
    let key = doors.server.service("mail", "mail").key;
    let shown = shown(&doors, "mail", &key);
    let ada = doors.server.person(ADA);
    let (mail, calendars) = (ada.generate("Phone", "mail"), ada.generate("Calendar", "calendars"));

    let filter = shown["User filter"].replace("%s", "Ada");
    let service = ["-D", &shown["Bind DN"], "-w", &shown["Bind password"]];
    let search =
        [&service[..], &["-LLL", "-o", "ldif-wrap=no", "-b", &shown["Search base"], &filter]].concat();
    let (code, found) = run("ldapsearch", &shown, &[&search[..], &[&shown["User name attribute"]]].concat());
    assert_eq!(code, Some(0), "{found}");
    let dn = found.lines().find_map(|line| line.strip_prefix("dn: ")).expect("an entry");
    assert!(found.contains(&format!("mail: {ADA}\n")), "{found}");

    let whoami = |secret: &str| run("ldapwhoami", &shown, &["-D", dn, "-w", secret]);
    assert_eq!(whoami(&mail.password), (Some(0), format!("dn:{dn}\n")));
    let (code, said) = whoami(&calendars.password);
    assert_eq!(code, Some(49), "{said}");
    assert!(said.contains("additional info:"), "it says why: {said}");
    assert_eq!(whoami(&ada.password).0, Some(49));
    let (code, said) = run("ldapcompare", &shown, &[&service[..], &[dn, &format!("mail:{ADA}")]].concat());
    assert_eq!((code, said.contains("TRUE")), (Some(6), true), "{said}");

    ada.revoke(&mail).with(200);
    assert_eq!(whoami(&mail.password).0, Some(49));
    // A key that isn't the service's.
    let (code, said) = run("ldapwhoami", &shown, &["-D", &shown["Bind DN"], "-w", "dks_wrong"]);
    assert_eq!(code, Some(49), "{said}");
    doors.server.kill();
    let (code, said) = whoami(&mail.password);
    assert_eq!(code, Some(255), "{said}");
    assert!(said.contains("Can't contact LDAP server"), "{said}");
}
