//! How files and connections are set up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::db::tests::{ADD, Fixture, Place, TABLES};
use crate::db::{Conn, Database, DbError, OpenError, Options, Outcome};

fn ignore(_: Outcome<'_, ()>) {}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn settings(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let db = conn.session().raw();
    let ask = |setting: &str| {
        db.pragma_query_value(None, setting, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    let names = [
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "busy_timeout",
        "trusted_schema",
        "secure_delete",
        "temp_store",
        "query_only",
    ];
    Ok(names.map(|name| format!("{name} {:?}", ask(name))).into())
}

#[test]
fn every_connection_has_the_settings() {
    let expected = |reads: i64| {
        vec![
            "journal_mode Text(\"wal\")".to_owned(),
            "synchronous Integer(2)".to_owned(),
            "foreign_keys Integer(1)".to_owned(),
            "busy_timeout Integer(5000)".to_owned(),
            "trusted_schema Integer(0)".to_owned(),
            "secure_delete Integer(1)".to_owned(),
            "temp_store Integer(2)".to_owned(),
            format!("query_only Integer({reads})"),
        ]
    };
    let fixture = Fixture::at(Place::sqlite(), |options| options.readers = 2);
    assert_eq!(fixture.db.write_blocking(|tx| settings(tx)), Ok(expected(0)));
    let both = fixture.db.read(|first| Ok::<_, DbError>((settings(first)?, fixture.db.read(settings)?)));
    assert_eq!(both, Ok((expected(1), expected(1))));
    assert_eq!(fixture.db.scan_blocking(settings), Ok(expected(1)));
    let read_only =
        fixture.db.read(|conn| Ok::<_, DbError>(conn.session().raw().is_readonly("main").unwrap()));
    assert_eq!(read_only, Ok(true), "opened so, not only set so");
}

#[test]
fn files_are_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("made/for/data");
    let path = data.join("doorkey.db");
    let db = Database::open(Options::sqlite(&path), &[TABLES], ignore).unwrap();
    db.write_blocking(|tx| tx.execute(&ADD, &["a".into()])).unwrap();
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&folder.path().join("made")), 0o700);
    let mut modes: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| mode(&entry.unwrap().path())).collect();
    modes.sort_unstable();
    assert_eq!(modes, [0o600; 3], "the file, its log and the log's index");
}

#[test]
fn a_file_that_was_open_to_others_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorkey.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(Database::open(Options::sqlite(&path), &[TABLES], ignore).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorkey.db");
    let text = "this is a letter, and it is longer than a hundred bytes, because a shorter file could be \
                an empty database; so here it goes on and on";
    fs::write(&path, text).unwrap();
    let error = Database::open(Options::sqlite(&path), &[TABLES], ignore).err().unwrap();
    assert!(matches!(error, OpenError::Database { source: DbError::Corrupt(_), .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Database::open(Options::sqlite(file.join("doorkey.db")), &[TABLES], ignore).err().unwrap();
    assert!(matches!(&error, OpenError::File { path, .. } if *path == file), "{error:?}");
    assert!(error.to_string().starts_with(&format!("{} can't be used", file.display())), "{error}");
}
