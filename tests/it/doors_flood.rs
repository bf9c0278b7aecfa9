//! Bad input and crowds at the doors that aren't HTTP: what breaks the protocol ends its own connection, what is idle makes room, and
//! everybody else is served meanwhile.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Shutdown, TcpStream},
    time::Duration,
};

use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapDerefAliases, LdapExtendedRequest, LdapFilter, LdapOp,
    LdapResultCode as Code, LdapSearchRequest, LdapSearchScope as Scope,
};

use crate::{
    metrics::scrape,
    support::{Identity, LdapClient, Server, connect_from, until},
};

const SERVICE: &str = "cn=mail,ou=services,dc=doorkey";

fn is_bound(client: &mut LdapClient) -> bool {
    client.who_am_i() == format!("dn:{SERVICE}")
}

fn search(filter: LdapFilter) -> LdapOp {
    LdapOp::SearchRequest(LdapSearchRequest {
        base: "dc=doorkey".into(),
        scope: Scope::Subtree,
        aliases: LdapDerefAliases::Never,
        sizelimit: 0,
        timelimit: 0,
        typesonly: false,
        filter,
        attrs: vec!["*".into()],
    })
}

fn bind(dn: &str, secret: &str) -> LdapOp {
    LdapOp::BindRequest(LdapBindRequest {
        version: 3,
        dn: dn.into(),
        cred: LdapBindCred::Simple(secret.into()),
    })
}

/// Sends it, says that no more will come, and reads until the door closes.
fn spend(server: &Server, bytes: &[u8]) {
    let mut client = LdapClient::connect(server);
    // The door may have closed before all is sent.
    let _ = client.stream.write_all(bytes);
    let _ = client.stream.shutdown(Shutdown::Write);
    let mut rest = Vec::new();
    if let Err(error) = client.stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it isn't closed");
    }
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_out() {
    let server = Server::start_with(&[
        ("DOORKEY__LDAP__CONNECTIONS", "200"),
        ("DOORKEY__METRICS__LISTEN", "127.0.0.1:0"),
    ]);
    let mail = server.service("mail", "mail");
    let mut working = LdapClient::connect(&server);
    assert_eq!(working.bind(SERVICE, &mail.key).code, Code::Success);
    let address = server.ready()["ldap"].as_str().unwrap().parse().unwrap();
    let half = LdapClient::bytes_of(bind(SERVICE, "dks_"));
    let mut held = Vec::new();
    for number in 0..10_000_u16 {
        let [high, low] = (number / 64).to_be_bytes();
        let mut stream = connect_from([127, 1, high, low.max(1)].into(), address);
        if number % 2 == 0 {
            // One whose message never comes whole.
            let _ = stream.write_all(&half[..half.len() / 2]);
        }
        held.push(stream);
        if number % 1000 == 999 {
            assert!(is_bound(&mut working), "who has bound keeps its place");
            let mut fresh = LdapClient::connect(&server);
            assert_eq!(fresh.bind(SERVICE, &mail.key).code, Code::Success, "who comes is let in");
        }
    }
    let figures = scrape(&server);
    assert_eq!(figures["doorkey_door_connections_limit{door=\"ldap\",service=\"\"}"], 200.0);
    assert!(figures["doorkey_door_connections{door=\"ldap\",service=\"\"}"] <= 200.0);
    assert!(figures["doorkey_door_connections_pushed_out_total{door=\"ldap\",service=\"\"}"] > 9_000.0);
    assert!(is_bound(&mut working));
    assert_eq!(server.stop().code, Some(0));
    drop(held);
}

/// Who opened a connection to LDAPS and says nothing makes room too, for both ports.
#[test]
fn handshakes_that_never_come_keep_nobody_out() {
    let identity = Identity::get();
    let (certificate, key) = (identity.certificate(), identity.key());
    let server = Server::start_with(&[
        ("DOORKEY__LDAP__CONNECTIONS", "20"),
        ("DOORKEY__LDAP__LISTEN_TLS", "127.0.0.1:0"),
        ("DOORKEY__LDAP__TLS_CERTIFICATE", certificate.to_str().unwrap()),
        ("DOORKEY__LDAP__TLS_KEY", key.to_str().unwrap()),
    ]);
    let mail = server.service("mail", "mail");
    let ldaps = server.ready()["ldaps"].as_str().unwrap().to_owned();
    let held: Vec<_> = (0..60).map(|_| TcpStream::connect(&ldaps).unwrap()).collect();
    assert_eq!(LdapClient::connect(&server).bind(SERVICE, &mail.key).code, Code::Success);
    drop(held);
}

/// One password doesn't take the places of the others.
#[test]
fn one_account_keeps_so_many_connections_and_the_oldest_goes() {
    let server = Server::start();
    server.service("mail", "mail");
    let ada = server.person("ada@example.org");
    let secret = ada.generate("Some app", "mail").password;
    let mut held: Vec<_> = (0..65)
        .map(|_| {
            let mut client = LdapClient::connect(&server);
            let dn = "uid=ada@example.org,ou=mail,dc=doorkey";
            assert_eq!(client.bind(dn, &secret).code, Code::Success);
            client
        })
        .collect();
    assert_eq!(held[0].notice(), Code::Unavailable);
    assert_eq!(held[1].who_am_i(), "dn:uid=ada@example.org,ou=mail,dc=doorkey");
}

#[test]
fn one_address_has_its_part_of_the_places() {
    let server = Server::start_with(&[("DOORKEY__LDAP__CONNECTIONS_PER_ADDRESS", "3")]);
    let mail = server.service("mail", "mail");
    let other: IpAddr = [127, 0, 0, 2].into();
    let mut held: Vec<_> = (0..3).map(|_| LdapClient::from(&server, other)).collect();
    assert!(held.iter_mut().all(|client| client.bind(SERVICE, &mail.key).code == Code::Success));
    assert!(LdapClient::from(&server, other).next().is_none(), "the fourth is closed at once");
    assert!(server.says("[ldap] connections_per_address").unwrap().contains("127.0.0.2"));
    assert_eq!(LdapClient::connect(&server).bind(SERVICE, &mail.key).code, Code::Success);
    held.pop();
    until(|| {
        let mut client = LdapClient::from(&server, other);
        client.stream.write_all(&LdapClient::bytes_of(bind(SERVICE, &mail.key))).is_ok()
            && client.next().is_some()
    });
}

#[test]
fn a_message_in_many_pieces_is_one_message_and_a_long_one_is_refused_from_its_head() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    let mut slow = LdapClient::connect(&server);
    slow.stream.set_nodelay(true).unwrap();
    for byte in LdapClient::bytes_of(bind(SERVICE, &mail.key)) {
        slow.stream.write_all(&[byte]).unwrap();
    }
    assert!(
        slow.next().is_some_and(|m| matches!(m.op, LdapOp::BindResponse(r) if r.res.code == Code::Success))
    );
    let mut long = LdapClient::connect(&server);
    long.stream.write_all(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).unwrap();
    assert_eq!(long.notice(), Code::ProtocolError);
    let mut long = LdapClient::connect(&server);
    long.stream.write_all(&LdapClient::bytes_of(bind(&format!("cn={}", "x".repeat(70_000)), "y"))).unwrap();
    assert_eq!(long.notice(), Code::ProtocolError);
}

#[test]
fn filters_as_deep_and_as_wide_as_can_be_sent() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    server.person("ada@example.org");
    let mut client = LdapClient::connect(&server);
    assert_eq!(client.bind(SERVICE, &mail.key).code, Code::Success);
    let uid = || LdapFilter::Equality("uid".into(), "ada@example.org".into());
    let deep = |depth: usize| (0..depth).fold(uid(), |inner, _| LdapFilter::Not(Box::new(inner)));
    client.send(search(deep(20)), Vec::new());
    assert!(client.next().is_some_and(|m| matches!(m.op, LdapOp::SearchResultEntry(_))));
    assert!(client.next().is_some_and(|m| matches!(m.op, LdapOp::SearchResultDone(_))));
    // What was put together by hand is a search, when it isn't deep.
    client.stream.write_all(&deeply_nested(2)).unwrap();
    assert!(client.next().is_some_and(|m| matches!(m.op, LdapOp::SearchResultDone(_))));
    client.send(search(LdapFilter::Or((0..200).map(|_| uid()).collect())), Vec::new());
    assert!(
        client.next().is_some_and(|m| matches!(m.op, LdapOp::SearchResultEntry(_))),
        "a wide one is answered"
    );
    client.next();
    client.send(search(LdapFilter::Or((0..2000).map(|_| uid()).collect())), Vec::new());
    assert!(client.next().is_some_and(
        |m| matches!(m.op, LdapOp::SearchResultDone(done) if done.code == Code::AdminLimitExceeded)
    ));
    let mut deepest = LdapClient::connect(&server);
    deepest.stream.write_all(&deeply_nested(1000)).unwrap();
    assert_eq!(deepest.notice(), Code::ProtocolError);
    assert!(is_bound(&mut client));
}

/// A search whose filter is a negation of a negation and so on, put together by hand: no encoder goes so deep.
fn deeply_nested(depth: usize) -> Vec<u8> {
    let wrapped = |tag: u8, inner: &[u8]| {
        let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
        [&[tag, 0x84], &length[..], inner].concat()
    };
    let present = [&[0x87, 3][..], b"uid"].concat();
    let filter = (0..depth).fold(present, |inner, _| wrapped(0xa2, &inner));
    let head = [4, 0, 10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let search = wrapped(0x63, &[&head[..], &filter, &[0x30, 0]].concat());
    wrapped(0x30, &[&[2, 1, 1][..], &search].concat())
}

#[test]
fn names_with_nul_and_bytes_that_are_no_text_find_nobody() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    server.person("ada@example.org");
    let mut client = LdapClient::connect(&server);
    for name in [
        "uid=ada\0@example.org,ou=mail,dc=doorkey",
        "uid=,ou=mail,dc=doorkey",
        "uid=\u{202e}ada,ou=mail,dc=doorkey",
    ] {
        assert_ne!(client.bind(name, "abcd-efgh-ijkl-mnop-qrst-uvwx").code, Code::Success, "{name:?}");
    }
    assert_eq!(client.bind(SERVICE, &mail.key).code, Code::Success);
    let text =
        LdapClient::bytes_of(bind("uid=ada@example.org,ou=mail,dc=doorkey", "abcd-efgh-ijkl-mnop-qrst-uvwx"));
    for (place, byte) in [(12, 0xff_u8), (13, 0xc3), (text.len() - 3, 0xfe)] {
        let mut broken = text.clone();
        broken[place] = byte;
        spend(&server, &broken);
    }
    assert!(is_bound(&mut client));
}

#[test]
fn what_is_cut_off_or_turned_over_ends_its_own_connection_at_most() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    server.person("ada@example.org");
    let mut client = LdapClient::connect(&server);
    assert_eq!(client.bind(SERVICE, &mail.key).code, Code::Success);
    let all = LdapFilter::And(vec![
        LdapFilter::Present("objectClass".into()),
        LdapFilter::Not(Box::new(LdapFilter::Equality("uid".into(), "grace".into()))),
    ]);
    let messages = [LdapClient::bytes_of(bind(SERVICE, &mail.key)), LdapClient::bytes_of(search(all))];
    for message in &messages {
        for end in 0..message.len() {
            spend(&server, &message[..end]);
        }
    }
    // The same numbers in each run.
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        usize::try_from(number >> 16).unwrap()
    };
    for round in 0..1_500 {
        let mut bytes = messages.concat();
        for _ in 0..=round % 4 {
            let place = next() % bytes.len();
            bytes[place] = u8::try_from(next() % 256).unwrap();
        }
        if round % 3 == 0 {
            bytes = (0..next() % 200).map(|_| u8::try_from(next() % 256).unwrap()).collect();
        }
        spend(&server, &bytes);
    }
    assert!(is_bound(&mut client));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_is_no_tls_ends_its_connection_and_nothing_in_the_clear_is_taken_for_encrypted() {
    let identity = Identity::get();
    let (certificate, key) = (identity.certificate(), identity.key());
    let server = Server::start_with(&[
        ("DOORKEY__LDAP__LISTEN_TLS", "127.0.0.1:0"),
        ("DOORKEY__LDAP__TLS_CERTIFICATE", certificate.to_str().unwrap()),
        ("DOORKEY__LDAP__TLS_KEY", key.to_str().unwrap()),
    ]);
    let mail = server.service("mail", "mail");
    let good = LdapClient::bytes_of(bind(SERVICE, &mail.key));
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 1], &good] {
        let mut stream = TcpStream::connect(server.ready()["ldaps"].as_str().unwrap()).unwrap();
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.first().is_none_or(|first| *first == 0x15), "a TLS alert at most: {answer:?}");
    }
    let start_tls = || {
        LdapOp::ExtendedRequest(LdapExtendedRequest { name: "1.3.6.1.4.1.1466.20037".into(), value: None })
    };
    // Whoever slips a message in behind the request for TLS gets no answer to it, before TLS or in it.
    let mut slipped = LdapClient::connect(&server);
    slipped.stream.write_all(&[LdapClient::bytes_of(start_tls()), good.clone()].concat()).unwrap();
    assert!(
        slipped
            .next()
            .is_some_and(|m| matches!(m.op, LdapOp::ExtendedResponse(r) if r.res.code == Code::Success))
    );
    assert!(slipped.next().is_none());
    let mut garbage = LdapClient::connect(&server);
    garbage.send(start_tls(), Vec::new());
    assert!(garbage.next().is_some());
    garbage.stream.write_all(&[0xff; 300]).unwrap();
    let mut rest = Vec::new();
    let _ = garbage.stream.read_to_end(&mut rest);
    assert_eq!(LdapClient::connect(&server).bind(SERVICE, &mail.key).code, Code::Success);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn idle_clients_of_the_sasl_door_make_room() {
    let server = Server::start_with(&[
        ("DOORKEY__SASL__MAIL__LISTEN", "127.0.0.1:0"),
        ("DOORKEY__SASL__MAIL__CONNECTIONS", "20"),
    ]);
    server.service("mail", "mail");
    let address = server.ready()["sasl"]["mail"].as_str().unwrap().to_owned();
    let come = || {
        let mut lines = BufReader::new(TcpStream::connect(&address).unwrap());
        lines.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut line = String::new();
        while line != "DONE\n" {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "greeted");
        }
        lines
    };
    let held: Vec<_> = (0..500).map(|_| come()).collect();
    let mut last = come();
    last.get_mut().write_all(b"VERSION\t1\t1\nCPID\t1\nAUTH\t1\tCRAM-MD5\tservice=smtp\n").unwrap();
    let mut line = String::new();
    last.read_line(&mut line).unwrap();
    assert!(line.starts_with("FAIL\t1"), "{line}");
    // Lines that are too long, and words that nobody knows, are their client's own trouble.
    let mut long = come();
    let _ = long.get_mut().write_all(&vec![b'x'; 16 * 1024]);
    assert_eq!(long.read_line(&mut String::new()).unwrap_or(0), 0);
    assert_eq!(server.stop().code, Some(0));
    drop(held);
}
