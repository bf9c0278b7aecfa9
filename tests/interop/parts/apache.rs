//! Apache, as a web server in front of what is protected.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use tempfile::TempDir;

use super::{Part, free_port};
use crate::support::Address;

/// What Debian loads by itself, and what the configuration asks for.
const MODULES: [&str; 10] = [
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "auth_basic",
    "ldap",
    "authnz_ldap",
    "headers",
    "proxy",
    "proxy_http",
];

/// Apache, with one host in it.
pub struct Apache {
    _part: Part,
    _folder: TempDir,
    port: u16,
}

impl Apache {
    /// Starts it with this text, which stands in it as it is.
    pub fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        fs::set_permissions(here, Permissions::from_mode(0o711)).unwrap();
        let modules: String = MODULES
            .iter()
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .collect();
        let port = free_port();
        let whole = format!(
            "ServerRoot {here}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {here}/pid\n\
             DefaultRuntimeDir {here}\nErrorLog /dev/stderr\nUser www-data\nGroup www-data\n{modules}{text}",
            here = here.display()
        );
        let file = here.join("apache2.conf");
        fs::write(&file, whole).unwrap();
        let part = Part::start("apache2", here, &["-f", file.to_str().unwrap(), "-D", "FOREGROUND"]);
        part.err.line_with("resuming normal operations").expect("Apache starts");
        Self { _part: part, _folder: folder, port }
    }

    pub fn address(&self) -> Address {
        Address::Tcp(([127, 0, 0, 1], self.port).into())
    }
}
