//! codemagic-cli-tools, unmodified: it takes the key that a build received from the variables that it reads, and App Store Connect takes
//! what it signs. Its addresses are fixed, so it is led to the tests' App Store Connect as on any network with a proxy: by `HTTPS_PROXY`.

use std::{
    io::{Read as _, Write as _, copy},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
};

use crate::support::{Apple, Building, Done, ISSUER, Made, STORE, Server};

const ADA: &str = "ada@example.org";

/// A proxy that leads whoever wants to speak with App Store Connect to this address, and nobody anywhere else.
fn proxy(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            if !head.starts_with(format!("CONNECT {STORE}:443 ").as_bytes()) {
                continue;
            }
            let mut apple = TcpStream::connect(to).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from, mut back) = (client.try_clone().unwrap(), apple.try_clone().unwrap());
            thread::spawn(move || copy(&mut from, &mut back));
            thread::spawn(move || copy(&mut apple, &mut client));
        }
    });
    address
}

/// Lists the apps with what this build received.
fn list_apps(apple: &Apple, building: &Building<'_>) -> Done {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/codemagic");
    assert!(found.is_dir(), "codemagic-cli-tools is missing. Run: scripts/codemagic");
    let given = building.credentials(&crate::support::everything()).json(200);
    let given = |name: &str| given["api_key"][name].as_str().unwrap().to_owned();
    let home = tempfile::tempdir().unwrap();
    let [_, (_, authority)] = apple.settings();
    let mut command = Command::new("/usr/bin/env");
    // Without the packages of Debian, whose versions are others.
    command.args(["python3", "-S"]).arg(found.join("bin/app-store-connect")).args([
        "--no-color",
        "apps",
        "list",
    ]);
    command.env_clear().current_dir(home.path()).envs([
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("HOME", home.path().display().to_string()),
        ("PYTHONPATH", found.display().to_string()),
        ("HTTPS_PROXY", format!("http://{}", proxy(apple.address))),
        ("REQUESTS_CA_BUNDLE", authority),
        ("APP_STORE_CONNECT_KEY_IDENTIFIER", given("key_id")),
        ("APP_STORE_CONNECT_ISSUER_ID", given("issuer_id")),
        ("APP_STORE_CONNECT_PRIVATE_KEY", given("private_key")),
    ]);
    Done::of(&mut command, "")
}

#[test]
fn codemagic_signs_with_the_key_that_a_build_received() {
    let (apple, server) = (Apple::start(), Server::start());
    server.person(ADA);
    let key = apple.key("2X9R4HXF34");
    let building = Building::make(&server, &Made { key: &key.pem, key_id: &key.id, ..Made::of(ADA) });
    let done = list_apps(&apple, &building);
    assert_eq!(done.code, Some(0), "{done:?}");
    let asked = apple.asked();
    let [one] = &asked[..] else { panic!("{asked:?} {done:?}") };
    assert!(one.path.starts_with("/v1/apps") && one.host == STORE, "{one:?}");
    assert_eq!(one.token.as_ref().unwrap()["iss"], ISSUER, "{one:?}");

    // The same with a key that Apple doesn't know any more is refused: what was seen before is Apple's yes to that key.
    apple.revoke(&key.id);
    let done = list_apps(&apple, &building);
    assert_ne!(done.code, Some(0), "{done:?}");
    assert!(apple.asked().last().unwrap().token.is_err());
}
