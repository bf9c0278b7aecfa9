//! What foreign parts really send, where our side counts on it: with the configuration that a service's page shows.

use crate::{
    parts::{Caddy, Kind, Login, Nginx, Recorder, Seen, Vdirsyncer, change, shipped},
    support::{Address, Request, basic},
};

const KEY: &str = "dks_key";
const YES: &str = "HTTP/1.1 200 OK\r\nRemote-User: ada@example.org";

/// Recorders in the place of Doorkey and of what is protected, with the real web server between them.
struct Way {
    doorkey: Recorder,
    protected: Recorder,
    front: Address,
    _running: Box<dyn std::any::Any>,
}

impl Way {
    fn by_nginx() -> Self {
        Self::new("nginx", YES, |text| {
            let nginx = Nginx::start(&[text]);
            (nginx.address(0), Box::new(nginx))
        })
    }

    fn by_caddy() -> Self {
        Self::new("caddy", YES, |text| {
            let caddy = Caddy::start(&[text]);
            (caddy.address(0), Box::new(caddy))
        })
    }

    fn new(server: &str, doorkey: &str, start: impl Fn(String) -> (Address, Box<dyn std::any::Any>)) -> Self {
        let doorkey = Recorder::start(doorkey);
        let protected = Recorder::start("HTTP/1.1 204 No Content");
        let url = format!("http://{}", doorkey.authority());
        let text = change(&shipped(server, &url, "calendar", KEY), "127.0.0.1:5232", &protected.authority());
        let (front, running) = start(text);
        Self { doorkey, protected, front, _running: running }
    }
}

fn upload() -> Request {
    Request::new("PUT", "/ada@example.org/personal/lunch.ics?x=1")
        .header("Authorization", basic("ada@example.org:secret"))
        .body("x".repeat(100_000))
}

#[track_caller]
fn is_a_question(asked: &Seen) {
    // Caddy leaves the query of the app's request where it was.
    let target = asked.line.strip_prefix("GET ").and_then(|rest| rest.split_once(" HTTP/1.")).unwrap().0;
    assert_eq!(target.strip_suffix("?x=1").unwrap_or(target), "/door/http/calendar");
    assert_eq!(asked.header("authorization"), Some(basic("ada@example.org:secret").as_str()));
    assert_eq!(asked.header("doorkey-service-key"), Some(KEY));
    assert!(asked.body.is_empty(), "{} bytes", asked.body.len());
    assert_eq!(asked.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[track_caller]
fn is_what_the_app_sent(passed_on: &Seen) {
    assert!(passed_on.line.starts_with("PUT /ada@example.org/personal/lunch.ics?x=1 "), "{}", passed_on.line);
    assert_eq!(passed_on.body.len(), 100_000);
    assert_eq!(passed_on.header("x-remote-user"), Some("ada@example.org"));
    for secret in ["authorization", "doorkey-service-key"] {
        assert_eq!(passed_on.header(secret), None, "{secret} isn't for the protected server");
    }
}

#[test]
fn nginx_asks_without_the_body_and_passes_on_without_the_password() {
    let way = Way::by_nginx();
    assert_eq!(way.front.ask(&upload()).status, 204);
    is_a_question(&way.doorkey.only());
    is_what_the_app_sent(&way.protected.only());
}

#[test]
fn caddy_asks_without_the_body_and_passes_on_without_the_password() {
    let way = Way::by_caddy();
    assert_eq!(way.front.ask(&upload()).status, 204);
    is_a_question(&way.doorkey.only());
    is_what_the_app_sent(&way.protected.only());
}

/// A proxy that serves several hosts by TLS has to hear which one is meant.
#[test]
fn nginx_finds_a_doorkey_behind_tls() {
    let doorkey = Recorder::start(YES);
    let protected = Recorder::start("HTTP/1.1 204 No Content");
    let tls = Caddy::start_tls(&doorkey.authority());
    let text = shipped("nginx", &format!("https://localhost:{}", tls.port(0)), "calendar", KEY);
    let text = change(&text, "127.0.0.1:5232", &protected.authority());
    // The certificate is one that nobody has signed whom this machine trusts: the key isn't shown to its owner.
    let stranger = Nginx::start(std::slice::from_ref(&text));
    assert_eq!(stranger.address(0).ask(&upload()).status, 500);
    let nginx = Nginx::start(&[change(&text, "/etc/ssl/certs/ca-certificates.crt", &tls.authority())]);
    assert_eq!(nginx.address(0).ask(&upload()).status, 204);
    assert_eq!(doorkey.only().header("doorkey-service-key"), Some(KEY));
}

/// Whoever could say who they are would need no password.
fn an_app_cannot_say_who_it_is(way: &Way) {
    let question = Request::get("/").header("Authorization", basic("ada@example.org:secret"));
    let question =
        question.header("X-Remote-User", "grace@example.org").header("Remote-User", "grace@example.org");
    assert_eq!(way.front.ask(&question).status, 204);
    let names: Vec<_> =
        way.protected.only().headers.into_iter().filter(|(name, _)| name == "x-remote-user").collect();
    assert_eq!(names, [("x-remote-user".into(), "ada@example.org".into())]);
}

#[test]
fn behind_nginx_an_app_cannot_say_who_it_is() {
    an_app_cannot_say_who_it_is(&Way::by_nginx());
}

#[test]
fn behind_caddy_an_app_cannot_say_who_it_is() {
    an_app_cannot_say_who_it_is(&Way::by_caddy());
}

/// The door asks for a password with 401; the app has to see with what.
#[test]
fn both_pass_the_challenge_on() {
    let challenge = "Basic realm=\"Doorkey\", charset=\"UTF-8\"";
    let no = format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}");
    let nginx = Way::new("nginx", &no, |text| {
        let nginx = Nginx::start(&[text]);
        (nginx.address(0), Box::new(nginx))
    });
    let caddy = Way::new("caddy", &no, |text| {
        let caddy = Caddy::start(&[text]);
        (caddy.address(0), Box::new(caddy))
    });
    for way in [nginx, caddy] {
        let answer = way.front.ask(&Request::get("/")).with(401);
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
        assert!(way.protected.seen().is_empty(), "what is protected isn't asked");
    }
}

/// A door that is cheap to ask matters because of this.
#[test]
fn a_calendar_client_sends_its_password_with_every_request() {
    let radicale = crate::parts::Radicale::start();
    let doorkey = Recorder::start(YES);
    let url = format!("http://{}", doorkey.authority());
    let text = change(&shipped("nginx", &url, "calendar", KEY), "127.0.0.1:5232", &radicale.authority);
    let nginx = Nginx::start(&[text]);
    let client = Vdirsyncer::set_up(&[Login {
        kind: Kind::Calendars,
        server: nginx.address(0),
        user: "ada@example.org",
        password: "secret",
    }]);
    client.discover().with(0);
    client.sync().with(0);
    let seen = doorkey.seen();
    assert!(seen.len() > 3, "{seen:?}");
    for asked in &seen {
        is_a_question(asked);
    }
}
