//! The server's certificate, read anew when its files change.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::support::{Address, Request, Server};

/// Makes a certificate for this name, and its key.
fn make(server: &Server, name: &str) -> [PathBuf; 2] {
    let [certificate, key] = ["crt", "key"].map(|kind| server.folder().join(format!("{name}.{kind}")));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "30",
    ]);
    openssl.args([
        "-subj",
        &format!("/CN={name}.example"),
        "-addext",
        &format!("subjectAltName=DNS:{name}.example"),
    ]);
    openssl.arg("-out").arg(&certificate).arg("-keyout").arg(&key);
    let done = openssl.stdin(Stdio::null()).output().expect("openssl makes the certificates");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    [certificate, key]
}

/// The name in the certificate that the server shows.
fn shown(server: &Server) -> String {
    let Address::Tcp(address) = server.address() else { panic!("it has an address") };
    let client = ["s_client", "-connect", &address.to_string(), "-servername", "any.example"];
    let done = Command::new("openssl").args(client).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let subject = said.lines().find(|line| line.starts_with("subject=")).expect("a certificate");
    subject.split('=').next_back().unwrap().trim().to_owned()
}

fn checks(server: &Server) -> serde_json::Value {
    let socket = Address::Unix(server.data().join("doorkey.sock"));
    socket.ask(&Request::get("/health/ready")).json(200)
}

#[test]
fn a_certificate_that_changes_is_shown_to_the_next_connection() {
    let places = Server::new(&[]);
    let used = ["used.crt", "used.key"].map(|name| places.folder().join(name));
    let put = |files: &[PathBuf; 2]| {
        for (from, to) in files.iter().zip(&used) {
            let aside = to.with_extension("aside");
            fs::copy(from, &aside).unwrap();
            fs::rename(aside, to).unwrap();
        }
    };
    let (one, two) = (make(&places, "one"), make(&places, "two"));
    put(&one);
    let [certificate, key] = used.each_ref().map(|path| path.display().to_string());
    let server = Server::start_with(&[
        ("DOORKEY__HTTP__TLS_CERTIFICATE", &certificate),
        ("DOORKEY__HTTP__TLS_KEY", &key),
        ("DOORKEY__HTTP__PUBLIC_URL", "https://one.example"),
    ]);
    assert_eq!(shown(&server), "one.example");
    put(&two);
    assert_eq!(shown(&server), "two.example");
    assert!(server.log().contains("the certificate has been read anew"), "{}", server.log());
    assert_eq!(checks(&server)["checks"]["certificate"], "ok");

    // What can't be used changes nothing, and is told: each of the two broken, missing, and of another pair.
    let good = two;
    let broken = |which: usize, how: &dyn Fn(&PathBuf)| {
        put(&good);
        assert_eq!((shown(&server), checks(&server)["status"].as_str()), ("two.example".into(), Some("ok")));
        let before = server.log().matches("the old one stays").count();
        how(&used[which]);
        assert_eq!(shown(&server), "two.example");
        let now = checks(&server);
        assert_eq!(now["status"], "limited");
        assert!(now["checks"]["certificate"].as_str().unwrap().contains("can't be used"), "{now}");
        // Once, and not for each connection.
        assert_eq!(shown(&server), "two.example");
        assert_eq!(server.log().matches("the old one stays").count(), before + 1, "{}", server.log());
    };
    for which in [0, 1] {
        broken(which, &|path| fs::write(path, "no certificate").unwrap());
        broken(which, &|path| fs::remove_file(path).unwrap());
        broken(which, &|path| {
            fs::copy(&one[which], path).unwrap();
        });
    }
    put(&one);
    assert_eq!(shown(&server), "one.example");
    assert_eq!(checks(&server)["status"], "ok");
}
