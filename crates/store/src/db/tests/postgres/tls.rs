//! Encrypted connections, and who is let in.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::db::conn::Role;
use crate::db::tests::cluster::Cluster;
use crate::db::{DbError, OpenError, Options, PostgresUrl, Statement};

/// A server that speaks TLS, with a certificate for the name localhost alone.
struct Encrypted {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

fn shared() -> &'static Encrypted {
    static SHARED: OnceLock<Encrypted> = OnceLock::new();
    SHARED.get_or_init(Encrypted::start)
}

fn openssl(arguments: &str, folder: &std::path::Path) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let done = done.expect("openssl is missing. Install it: sudo apt-get install openssl");
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Encrypted {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for authority in ["ours", "other"] {
            openssl(
                &format!(
                    "req -x509 -newkey ed25519 -nodes -days 30 -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"
                ),
                at,
            );
        }
        openssl("req -newkey ed25519 -nodes -subj /CN=localhost -keyout server.key -out server.csr", at);
        fs::write(at.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        openssl(
            "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 30 -extfile names -out server.pem",
            at,
        );
        let cluster = Cluster::start();
        cluster.ask("postgres", "CREATE ROLE careful LOGIN PASSWORD 'hunter2'");
        cluster.ask("postgres", "CREATE DATABASE careful OWNER careful");
        cluster.stop();
        for (file, text) in [
            ("server.pem", fs::read_to_string(at.join("server.pem")).unwrap()),
            ("server.key", fs::read_to_string(at.join("server.key")).unwrap()),
            ("pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n".into()),
        ] {
            cluster.put(file, &text);
        }
        cluster.start_with(&[
            "ssl=on".into(),
            "ssl_cert_file=server.pem".into(),
            "ssl_key_file=server.key".into(),
            "listen_addresses=127.0.0.1".into(),
        ]);
        Self { cluster, folder }
    }

    fn authority(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    fn connect(&self, login: &str, host: &str, parameters: &str) -> Result<bool, OpenError> {
        static ENCRYPTED: Statement = Statement::new(
            "t",
            "SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        );
        let url = format!("postgres://{login}@{host}:{}/careful?{parameters}", self.cluster.port());
        let options = Options::postgres(PostgresUrl::parse(&url).unwrap(), "a test".to_owned())?;
        let encrypted = options.connect(Role::Read)?.query_one(&ENCRYPTED, &[]);
        Ok(encrypted.unwrap().unwrap().int(0) == Ok::<_, DbError>(1))
    }
}

const LOGIN: &str = "careful:hunter2";

#[test]
fn a_certificate_is_checked_as_sslmode_says() {
    let server = shared();
    let ours = format!("sslrootcert={}", server.authority("ours").display());
    let other = format!("sslrootcert={}", server.authority("other").display());
    for (host, parameters, fits) in [
        ("localhost", "sslmode=prefer".to_owned(), true),
        ("localhost", "sslmode=require".to_owned(), true),
        ("localhost", format!("sslmode=verify-full&{ours}"), true),
        ("localhost", format!("sslmode=verify-full&{other}"), false),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        ("localhost", format!("sslmode=verify-ca&{other}"), false),
        // The certificate has the name, and not the address.
        ("127.0.0.1", format!("sslmode=verify-ca&{ours}"), true),
        ("127.0.0.1", format!("sslmode=verify-full&{ours}"), false),
        ("127.0.0.1", format!("sslmode=require&{ours}"), true),
        ("127.0.0.1", format!("sslmode=require&{other}"), false),
    ] {
        match server.connect(LOGIN, host, &parameters) {
            Ok(encrypted) => assert!(fits && encrypted, "{host} {parameters}"),
            Err(error) => {
                assert!(!fits, "{host} {parameters}: {error}");
                assert!(error.to_string().contains("certificate"), "{host} {parameters}: {error}");
            }
        }
    }
}

#[test]
fn who_may_not_come_in_is_told_without_the_password() {
    let server = shared();
    for (login, parameters, says) in [
        ("careful:hunter3", "sslmode=require", "password authentication failed"),
        ("careful", "sslmode=require", "password"),
        (LOGIN, "sslmode=disable", "no encryption"),
    ] {
        let error = server.connect(login, "127.0.0.1", parameters).unwrap_err();
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(says), "{login}: {said}");
        assert!(!said.contains("hunter"), "{said}");
    }
}

#[test]
fn authorities_that_cannot_be_read_are_named() {
    let server = shared();
    let nothing = server.folder.path().join("nothing.pem");
    fs::write(&nothing, "no certificate").unwrap();
    for path in [nothing, server.folder.path().join("missing.pem")] {
        let error = server.connect(
            LOGIN,
            "localhost",
            &format!("sslrootcert={}&sslmode=verify-full", path.display()),
        );
        let said = error.unwrap_err().to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        assert!(said.contains("PEM file with certificates"), "{said}");
    }
}
