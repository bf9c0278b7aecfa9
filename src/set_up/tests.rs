use super::*;

fn host(typed: &str, port: Option<i64>) -> Result<String, String> {
    let typed = Typed::Host { host: typed, port, security: Security::Tls };
    server(Protocol::Imap, typed).map(|server| server.to_string()).map_err(|problem| problem.detail)
}

fn url(typed: &str) -> Result<String, String> {
    let server = server(Protocol::Caldav, Typed::Url(typed));
    server.map(|server| server.to_string()).map_err(|problem| problem.detail)
}

#[test]
fn a_host_is_a_name_in_its_ascii_form_and_a_port() {
    assert_eq!(host(" Mail.Example.ORG ", None).unwrap(), "imaps://mail.example.org:993");
    assert_eq!(host("bücher.example", Some(1993)).unwrap(), "imaps://xn--bcher-kva.example:1993");
    for wrong in ["192.0.2.1", "2130706433", "0x7f.1", "127.1", "::1", "[::1]", "１２７.0.0.1"] {
        assert!(host(wrong, None).unwrap_err().contains("IP address"), "{wrong}");
    }
    for wrong in
        ["", "a b", "a/b", "a:1", "a@b", "https://a", "%41", "a..b", ".", "a_b", "-a", "a\0b", "\u{202e}a"]
    {
        assert!(host(wrong, None).unwrap_err().contains("such as mail.example.org"), "{wrong}");
    }
    for port in [0, -1, 65_536, i64::MAX] {
        assert!(host("a", Some(port)).unwrap_err().contains("1 to 65535"), "{port}");
    }
}

#[test]
fn an_address_is_an_https_one_without_anything_of_one_person() {
    assert_eq!(url("dav.example.org").unwrap(), "caldavs://dav.example.org:443/");
    assert_eq!(url("https://DAV.example.org:8443/dav/").unwrap(), "caldavs://dav.example.org:8443/dav/");
    assert_eq!(url("https://d.example/a b/ä").unwrap(), "caldavs://d.example:443/a%20b/%C3%A4");
    for (wrong, said) in [
        ("", "Write the address"),
        ("http://d.example/", "begins with https"),
        ("javascript://d.example/", "begins with https"),
        ("https://ada@d.example/", "user name"),
        ("https://d.example/?a", "what follows"),
        ("https://d.example/#a", "what follows"),
        ("https://127.1/", "IP address"),
        ("https://[::1]/", "IP address"),
        ("https://", "isn’t an address"),
        ("https://d.example/.well-known/caldav", "Apps come from there"),
        ("https://d.example:0/", "path"),
        ("https://d.example:70000/", "isn’t an address"),
    ] {
        assert!(url(wrong).unwrap_err().contains(said), "{wrong}: {:?}", url(wrong));
    }
    assert!(url(&format!("https://d.example/{}", "a".repeat(600))).is_err());
}

#[test]
fn each_protocol_takes_what_apps_ask_for() {
    let typed = Typed::Host { host: "a", port: None, security: Security::Starttls };
    assert_eq!(server(Protocol::Caldav, typed).unwrap_err().field, Some("caldav"));
    assert_eq!(server(Protocol::Sieve, Typed::Url("https://a/")).unwrap_err().field, Some("sieve"));
}

#[test]
fn domains_are_put_in_order_and_once() {
    let read = domains(["example.org", " Bücher.example ", "", "EXAMPLE.org"].into_iter()).unwrap();
    assert_eq!(
        read.iter().map(HostName::as_str).collect::<Vec<_>>(),
        ["example.org", "xn--bcher-kva.example"]
    );
    for wrong in ["@example.org", "ada@example.org", "192.0.2.1", "https://example.org"] {
        let problem = domains([wrong].into_iter()).unwrap_err();
        assert_eq!(problem.field, Some("domains"));
        assert!(
            problem.detail.contains(wrong) && problem.detail.contains("behind the @"),
            "{}",
            problem.detail
        );
    }
    let many: Vec<_> = (0..51).map(|n| format!("d{n}.example")).collect();
    assert!(domains(many.iter().map(String::as_str)).is_err());
}

#[test]
fn a_protocol_is_there_once() {
    let one =
        |host| server(Protocol::Imap, Typed::Host { host, port: None, security: Security::Tls }).unwrap();
    assert!(Change::new(vec![one("a"), one("b")], Vec::new()).is_err());
}
