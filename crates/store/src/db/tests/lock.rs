//! The lock on the data folder.

use std::os::unix::fs::PermissionsExt;

use crate::db::{DataLock, LockError};

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let lock = DataLock::acquire(&data).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("doorkey.lock"))), (0o700, 0o600));

    let refused = DataLock::acquire(&data).unwrap_err();
    assert!(matches!(refused, LockError::Held(_)), "{refused:?}");
    assert!(refused.to_string().contains("another Doorkey is using"));
    // Another process is refused as well: 1 is what flock answers then.
    let other = std::process::Command::new("flock")
        .arg("--nonblock")
        .arg(data.join("doorkey.lock"))
        .arg("true")
        .status();
    assert_eq!(other.unwrap().code(), Some(1));

    drop(lock);
    DataLock::acquire(&data).unwrap();
}

#[test]
fn a_folder_that_cannot_be_locked_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = DataLock::acquire(&file).unwrap_err();
    assert!(matches!(&error, LockError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, taken) in [(0o700, true), (0o750, true), (0o770, false), (0o707, false)] {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        match DataLock::acquire(folder.path()) {
            Ok(_) => assert!(taken, "{mode:o}"),
            Err(error) => {
                assert!(!taken, "{mode:o}");
                assert!(error.to_string().contains("chmod 700"), "{error}");
            }
        }
    }
}
