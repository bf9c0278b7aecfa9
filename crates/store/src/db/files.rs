//! Files and folders that nobody else on the machine may read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes the folder, closed to others. A folder that is there already stays as its owner made it.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens the file, makes it if need be, and closes it to others. SQLite gives the files that it makes beside it the same mode.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    // The mode is given at creation, so that there is no moment in which others can open the file.
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
