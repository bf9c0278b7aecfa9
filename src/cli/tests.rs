use super::*;
use clap::CommandFactory as _;

/// The exit code of a command line that is only read.
fn read(line: &str) -> Result<Cli, i32> {
    Cli::try_parse_from(std::iter::once("doorkey").chain(line.split(' ').filter(|word| !word.is_empty())))
        .map_err(|error| error.exit_code())
}

#[test]
fn every_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_this_version_is_read() {
    for line in [
        "serve",
        "serve --config doorkey.toml --data /var/lib/doorkey",
        "admin account add ada@example.org --name Ada --admin --password-stdin --totp --json --data d",
        "admin --data d account reset-link ada@example.org",
        "admin service add dav --kind contacts,calendars --config c",
        "admin service add dav --kind contacts --kind calendars",
        "admin service list --json",
        "admin service new-key dav",
        "admin service remove dav",
        "sign-in https://doorkey.example.org ada@example.org --password-stdin --code 123456",
        "sign-out",
        "passwords list --json",
        "connections list --json",
        "connections add-api-key AuthKey_2X9R4HXF34.p8 --issuer 57246542-96fe-1a63-e053-0824d011072a",
        "connections add-api-key - --key-id 2X9R4HXF34 --individual --enterprise --code 123456 --json",
        "connections test con_1 --json",
        "connections remove con_1 --code 123456",
        "connections readers con_1 --json",
        "passwords generate --label Phone",
        "passwords generate --label Phone --for mail,contacts --expires 90d --code 123456 --json",
        "passwords generate --label Phone --for first",
        "passwords revoke apw_1",
        "passwords revoke --all",
    ] {
        assert!(read(line).is_ok(), "{line}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    for line in [
        "",
        "unknown",
        "admin",
        "admin service",
        "serve --listen 127.0.0.1:1",
        "admin account add ada@example.org",
        "admin account add --name Ada",
        "admin account add ada@example.org --name Ada --password secret",
        "admin account reset-link ..",
        "admin service add dav",
        "admin service add dav --kind letters",
        "sign-in https://doorkey.example.org",
        "sign-in doorkey.example.org ada",
        "sign-in http://doorkey.example.org ada",
        "sign-in https://doorkey.example.org ada --password secret",
        "passwords",
        "passwords generate",
        "passwords generate --label Phone --for letters",
        "passwords generate --label Phone --for mail,first",
        "passwords revoke",
        "passwords revoke apw_1 --all",
        "passwords revoke .",
    ] {
        assert_eq!(read(line).err(), Some(2), "{line}");
    }
    for line in ["--help", "--version", "help", "passwords generate --help"] {
        assert_eq!(read(line).err(), Some(0), "{line}");
    }
}

#[test]
fn an_empty_id_never_becomes_the_path_of_all() {
    let empty = Cli::try_parse_from(["doorkey", "passwords", "revoke", ""]);
    assert_eq!(empty.err().map(|error| error.exit_code()), Some(2));
}

#[test]
fn plain_http_is_refused_in_a_sentence() {
    let error = Cli::try_parse_from(["doorkey", "sign-in", "http://doorkey.example.org", "ada"]).unwrap_err();
    assert!(error.to_string().contains("write https://"), "{error}");
}

#[test]
fn a_wrong_configuration_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorkey.toml");
    std::fs::write(&file, "dta = 'x'").unwrap();
    let failure = Place { config: Some(file), data: None }.load().unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.message().unwrap().contains("line 1"), "{failure:?}");
}
