//! The unit for systemd, as systemd itself reads it.

use std::process::Command;

fn analyze(arguments: &[&str]) -> (bool, String) {
    let done = Command::new("systemd-analyze").args(arguments).output();
    let done = done.expect("systemd-analyze is missing. Install it: sudo apt-get install systemd");
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

const UNIT: &str = include_str!("../../packaging/systemd/doorkey.service");

#[test]
fn every_line_of_it_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("doorkey.service");
    // The program lies elsewhere here than where it is installed, and is looked for.
    std::fs::write(&unit, UNIT.replace("/usr/local/bin/doorkey", env!("CARGO_BIN_EXE_doorkey"))).unwrap();
    let unit = unit.display().to_string();
    assert_eq!(analyze(&["verify", "--man=no", &unit]), (true, String::new()));
    std::fs::write(&unit, UNIT.replace("ProtectSystem=", "ProtektSystem=")).unwrap();
    assert!(
        analyze(&["verify", "--man=no", &unit]).1.contains("ProtektSystem"),
        "what isn't understood is told"
    );
}

#[test]
fn it_gives_the_server_little_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("doorkey.service");
    std::fs::write(&unit, UNIT).unwrap();
    let unit = unit.display().to_string();
    // In tenths: 1.2 was measured.
    let (good, said) = analyze(&["security", "--offline=true", "--threshold=15", &unit]);
    assert!(good && said.contains("Overall exposure level"), "{said}");
}
