//! The SASL door, line by line, as Postfix, Radicale and others speak to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{Person, Server};

const ADA: &str = "ada@example.org";
const LISTEN: (&str, &str) = ("DOORKEY__SASL__MAIL__LISTEN", "127.0.0.1:0");

/// Somebody who has said hello at the door.
struct Client {
    lines: BufReader<Box<dyn ReadWrite>>,
}

trait ReadWrite: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> ReadWrite for T {}

impl Client {
    /// Connects, reads the greeting whole, and agrees on the version.
    fn connect(server: &Server) -> Self {
        let mut client = Self::silent(server);
        client.send("VERSION\t1\t0\nCPID\t4711\n");
        client
    }

    /// The same without a word.
    fn silent(server: &Server) -> Self {
        let place = server.ready()["sasl"]["mail"].as_str().expect("a listener").to_owned();
        let stream: Box<dyn ReadWrite> = match place.strip_prefix("unix:") {
            Some(path) => Box::new(UnixStream::connect(path).unwrap()),
            None => {
                let stream = TcpStream::connect(&place).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                Box::new(stream)
            }
        };
        let mut client = Self { lines: BufReader::new(stream) };
        let mut greeting = vec![client.line()];
        while greeting.last().is_some_and(|line| line != "DONE") {
            greeting.push(client.line());
        }
        assert_eq!(greeting.first().unwrap(), "VERSION\t1\t1");
        client
    }

    fn send(&mut self, text: impl AsRef<[u8]>) {
        self.lines.get_mut().write_all(text.as_ref()).unwrap();
    }

    /// The next line; empty when the door has closed.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// Asks with PLAIN, in the words of a server for `protocol`.
    fn ask(&mut self, protocol: &str, name: &str, secret: &str) -> String {
        self.send(auth(1, protocol, name, secret));
        self.line()
    }

    /// What the door says until it closes.
    fn last_words(&mut self) -> String {
        let mut rest = Vec::new();
        match self.lines.read_to_end(&mut rest) {
            Ok(_) => {}
            // So ends a connection that was closed with bytes unread.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        String::from_utf8(rest).unwrap()
    }
}

fn auth(id: u32, protocol: &str, name: &str, secret: &str) -> String {
    let response = STANDARD.encode(format!("\0{name}\0{secret}"));
    format!("AUTH\t{id}\tPLAIN\tservice={protocol}\tnologin\trip=203.0.113.9\tsecured\tresp={response}\n")
}

/// A server with a mail service, Ada, and an app-specific password of hers for mail.
fn mail_server() -> Server {
    let server = Server::start_with(&[LISTEN]);
    server.service("mail", "mail");
    server
}

fn generate(ada: &Person<'_>, label: &str, kinds: &str) -> String {
    ada.generate(label, kinds).password
}

#[test]
fn a_mail_server_is_told_whose_sign_in_it_is() {
    let server = mail_server();
    let ada = server.person(ADA);
    let secret = generate(&ada, "Mail on phone", "mail");
    let mut postfix = Client::connect(&server);
    let yes = format!("OK\t1\tuser={ADA}");
    assert_eq!(postfix.ask("smtp", ADA, &secret), yes);
    assert_eq!(postfix.ask("imap", "ADA@Example.org", &secret.to_uppercase()), yes);
    assert_eq!(postfix.ask("smtp", ADA, "not the password"), format!("FAIL\t1\tuser={ADA}"));
    assert_eq!(postfix.ask("smtp", ADA, crate::support::PASSWORD), format!("FAIL\t1\tuser={ADA}"));
    assert_eq!(postfix.ask("smtp", "nobody@example.org", &secret), "FAIL\t1\tuser=nobody@example.org");
    assert_eq!(postfix.ask("smtp", ADA, ""), format!("FAIL\t1\tuser={ADA}"));
    // LOGIN asks for one after the other, also with the name at once.
    postfix.send("AUTH\t2\tLOGIN\tservice=smtp\trip=203.0.113.9\n");
    assert_eq!(postfix.line(), "CONT\t2\tVXNlcm5hbWU6");
    postfix.send(format!("CONT\t2\t{}\n", STANDARD.encode(ADA)));
    assert_eq!(postfix.line(), "CONT\t2\tUGFzc3dvcmQ6");
    postfix.send(format!("CONT\t2\t{}\n", STANDARD.encode(&secret)));
    assert_eq!(postfix.line(), format!("OK\t2\tuser={ADA}"));
    postfix.send(format!("AUTH\t3\tLOGIN\tservice=smtp\tresp={}\n", STANDARD.encode(ADA)));
    assert_eq!(postfix.line(), "CONT\t3\tUGFzc3dvcmQ6");
    postfix.send(format!("CONT\t3\t{}\n", STANDARD.encode(&secret)));
    assert_eq!(postfix.line(), format!("OK\t3\tuser={ADA}"));
    // PLAIN without a first answer, and several at once, answered in their order.
    postfix.send("AUTH\t4\tPLAIN\tservice=smtp\n");
    assert_eq!(postfix.line(), "CONT\t4\t");
    postfix.send(format!("CONT\t4\t{}\n", STANDARD.encode(format!("\0{ADA}\0{secret}"))));
    assert_eq!(postfix.line(), format!("OK\t4\tuser={ADA}"));
    let both =
        auth(5, "smtp", ADA, &secret) + &auth(6, "smtp", ADA, "wrong") + &auth(7, "pop3", ADA, &secret);
    postfix.send(both);
    assert_eq!(postfix.line(), format!("OK\t5\tuser={ADA}"));
    assert_eq!(postfix.line(), format!("FAIL\t6\tuser={ADA}"));
    assert_eq!(postfix.line(), format!("OK\t7\tuser={ADA}"));
    // The list says from where.
    server.restart();
    assert_eq!(ada.list()["app_passwords"][0]["last_use"]["source"], "203.0.113.9");
    assert_eq!(ada.list()["app_passwords"][0]["last_use"]["service"], "mail");
}

#[test]
fn a_password_opens_what_it_was_made_for_and_a_revoked_one_nothing() {
    let server = Server::start_with(&[LISTEN]);
    server.service("mail", "mail,contacts,calendars");
    let ada = server.person(ADA);
    let (mail, calendars) = (generate(&ada, "Mail", "mail"), generate(&ada, "Calendars", "calendars"));
    let first = generate(&ada, "Whatever comes", "first");
    let mut client = Client::connect(&server);
    let (yes, no) = (format!("OK\t1\tuser={ADA}"), format!("FAIL\t1\tuser={ADA}"));
    let elsewhere = format!("{no}\treason=This password was made for something else.");
    assert_eq!(client.ask("imap", ADA, &mail), yes);
    assert_eq!(client.ask("radicale", ADA, &mail), elsewhere);
    assert_eq!(client.ask("radicale", ADA, &calendars), yes);
    assert_eq!(client.ask("imap", ADA, &calendars), elsewhere);
    assert_eq!(client.ask("something", ADA, &calendars), yes, "the kinds of the service hold");
    // The first use binds it to what was asked for, and to nothing else that the service holds.
    assert_eq!(client.ask("submission", ADA, &first), yes);
    assert_eq!(client.ask("radicale", ADA, &first), elsewhere);
    ada.api.delete("/app-passwords").with(200);
    for secret in [&mail, &calendars, &first] {
        assert_eq!(client.ask("imap", ADA, secret), no);
    }
}

#[test]
fn a_protocol_that_the_service_does_not_hold_opens_nothing_and_binds_nothing() {
    let server = mail_server();
    let ada = server.person(ADA);
    let first = generate(&ada, "Whatever comes", "first");
    let mut client = Client::connect(&server);
    assert!(client.ask("radicale", ADA, &first).starts_with("FAIL\t1\t"));
    assert_eq!(client.ask("imap", ADA, &first), format!("OK\t1\tuser={ADA}"));
}

#[test]
fn an_outage_of_ours_is_no_wrong_password() {
    let server = Server::start_with(&[LISTEN]);
    let ada = server.person(ADA);
    let secret = generate(&ada, "Mail", "mail");
    // No such service yet: nothing can be said about anybody's password.
    let mut client = Client::connect(&server);
    client.send(auth(1, "smtp", ADA, &secret));
    assert_eq!(client.last_words(), "");
    server.service("mail", "mail");
    assert_eq!(Client::connect(&server).ask("smtp", ADA, &secret), format!("OK\t1\tuser={ADA}"));
}

#[test]
fn what_breaks_the_protocol_ends_the_connection_and_no_other() {
    let server = mail_server();
    let ada = server.person(ADA);
    let secret = generate(&ada, "Mail", "mail");
    let mut other = Client::connect(&server);
    for broken in [
        "VERSION\t2\t0\n".into(),
        "VERSION\n".into(),
        auth(1, "smtp", ADA, &secret),
        "VERSION\t1\t1\nAUTH\tone\tPLAIN\n".into(),
        "VERSION\t1\t1\nAUTH\t1\tLOGIN\nAUTH\t1\tLOGIN\n".into(),
        format!("VERSION\t1\t1\n{}\n", "x".repeat(20_000)),
        "x".repeat(8192),
    ] {
        let mut client = Client::silent(&server);
        client.send(&broken);
        let last = client.last_words();
        assert!(
            last.is_empty() || last == "CONT\t1\tVXNlcm5hbWU6\n",
            "{}: {last}",
            &broken[..broken.len().min(40)]
        );
    }
    let mut bytes = Client::connect(&server);
    bytes.send(b"AUTH\t1\tPLAIN\tservice=\xff\xfe\n");
    assert_eq!(bytes.last_words(), "");
    // Unknown words are passed over; what isn't a password is refused; a number is free again after its answer.
    other.send("HELLO\tworld\nCANCEL\t99\nCONT\t99\tYQ==\n");
    for wrong in ["resp=!!!", "resp==", "resp=YWRh", "resp=AGFkYQBzAGU="] {
        other.send(format!("AUTH\t1\tPLAIN\tservice=smtp\t{wrong}\n"));
        assert_eq!(
            other.line(),
            "FAIL\t1\treason=What was sent isn't a user name and a password.",
            "{wrong}"
        );
    }
    other.send("AUTH\t1\tCRAM-MD5\tservice=smtp\n");
    assert_eq!(other.line(), "FAIL\t1\treason=Only PLAIN and LOGIN are known here.");
    let as_grace = STANDARD.encode(format!("grace@example.org\0{ADA}\0{secret}"));
    other.send(format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={as_grace}\n"));
    assert!(other.line().starts_with("FAIL\t1\treason="));
    assert_eq!(other.ask("smtp", ADA, &secret), format!("OK\t1\tuser={ADA}"));
}

#[test]
fn a_socket_in_the_file_system_is_made_anew_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sasl");
    let place = format!("unix:{}", path.display());
    let server = Server::start_with(&[("DOORKEY__SASL__MAIL__LISTEN", &place)]);
    server.service("mail", "mail");
    let ada = server.person(ADA);
    let secret = generate(&ada, "Mail", "mail");
    let yes = format!("OK\t1\tuser={ADA}");
    assert_eq!(Client::connect(&server).ask("smtp", ADA, &secret), yes);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    // A killed server leaves it behind; the next takes its place.
    server.kill();
    assert!(path.exists());
    server.start_again();
    assert_eq!(Client::connect(&server).ask("smtp", ADA, &secret), yes);
    assert_eq!(server.stop().code, Some(0));
    assert!(!path.exists());
    // What isn't a dead socket isn't ours to take away.
    std::fs::write(&path, "mine").unwrap();
    let refused = server.refuses_to_start(&[]);
    assert!(
        refused.err.contains("can't listen on unix:") && refused.err.contains("[sasl.mail] listen"),
        "{}",
        refused.err
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn clients_that_say_nothing_keep_nobody_out_and_no_server_from_stopping() {
    let server = mail_server();
    let ada = server.person(ADA);
    let secret = generate(&ada, "Mail", "mail");
    let silent: Vec<_> = (0..200).map(|_| Client::silent(&server)).collect();
    assert_eq!(Client::connect(&server).ask("smtp", ADA, &secret), format!("OK\t1\tuser={ADA}"));
    assert_eq!(server.stop().code, Some(0));
    drop(silent);
}
