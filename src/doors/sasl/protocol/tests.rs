use proptest::prelude::*;

use super::*;

fn encoded(text: &[u8]) -> String {
    STANDARD.encode(text)
}

fn response(text: &[u8]) -> Response {
    Secret::new(text.to_vec())
}

#[test]
fn the_greeting_fits_into_one_read_and_says_the_mechanisms_before_spid() {
    let greeting = greeting(u32::MAX, u64::MAX, [255; 16]);
    assert!(greeting.len() < 1024, "{}", greeting.len());
    let first_words: Vec<_> = greeting.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(first_words, ["VERSION", "MECH", "MECH", "SPID", "CUID", "COOKIE", "DONE"]);
    assert!(greeting.starts_with("VERSION\t1\t1\n") && greeting.ends_with("\nDONE\n"));
}

#[test]
fn reads_what_postfix_and_radicale_send() {
    assert!(matches!(read(b"VERSION\t1\t0"), Some(Line::Version(1))));
    assert!(matches!(read(b"CPID\t4711"), Some(Line::Other)));
    let resp = encoded(b"\0ada@example.org\0secret");
    let line = format!(
        "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=203.0.113.9\tsecured\tresp={resp}"
    );
    let plain = begun(&line);
    assert_eq!((plain.id, plain.mechanism), (1, Some(Mechanism::Plain)));
    assert_eq!((plain.service.as_str(), plain.remote.as_str()), ("smtp", "203.0.113.9"));
    assert_eq!(plain.first.unwrap().unwrap().expose(), b"\0ada@example.org\0secret");
    let login = begun("AUTH\t7\tlogin\tservice=smtp");
    assert!(login.mechanism == Some(Mechanism::Login) && login.first.is_none());
    assert!(begun("AUTH\t7\tPLAIN\tresp=!").first.is_some_and(|response| response.is_none()));
    for (line, expected) in
        [("YWRh", Some(b"ada".as_slice())), ("=", Some(b"")), ("", Some(b"")), ("!", None)]
    {
        let Some(Line::Continue(7, response)) = read(format!("CONT\t7\t{line}").as_bytes()) else {
            panic!("{line}")
        };
        assert_eq!(response.as_ref().map(|response| response.expose().as_slice()), expected, "{line}");
    }
    assert!(matches!(read(b"CANCEL\t7"), Some(Line::Cancel(7))));
    let other = begun("AUTH\t8\tCRAM-MD5\tservice=a\u{1}tb");
    assert_eq!((other.mechanism, other.service.as_str()), (None, "a\tb"));
}

fn begun(line: &str) -> Auth {
    let Some(Line::Auth(auth)) = read(line.as_bytes()) else { panic!("not read: {line}") };
    auth
}

#[test]
fn what_breaks_the_protocol_is_no_line() {
    for broken in [
        "VERSION",
        "VERSION\tone\t1",
        "AUTH",
        "AUTH\t1",
        "AUTH\tx\tPLAIN",
        "AUTH\t-1\tPLAIN",
        "CONT",
        "CANCEL\t",
    ] {
        assert!(read(broken.as_bytes()).is_none(), "{broken}");
    }
    assert!(read(b"AUTH\t1\tPLAIN\tservice=\xff").is_none());
}

#[test]
fn plain_has_a_name_and_a_password_and_nobody_acts_as_another() {
    let read = |text: &[u8]| plain(&response(text)).map(|(name, password)| (name, password.expose().clone()));
    let ada = Some(("ada".to_owned(), "secret".to_owned()));
    assert_eq!(read(b"\0ada\0secret"), ada);
    assert_eq!(read(b"ada\0ada\0secret"), ada);
    assert_eq!(read(b"\0ada\0"), Some(("ada".into(), String::new())));
    for wrong in [b"grace\0ada\0secret".as_slice(), b"", b"ada", b"\0ada", b"\0ada\0sec\0ret", b"\0ada\0\xff"]
    {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
}

#[test]
fn nothing_that_is_answered_breaks_its_line() {
    assert_eq!(ok(3, "ada@example.org"), "OK\t3\tuser=ada@example.org\n");
    assert_eq!(fail(4, "a\tb\nc", Some("no\r")), "FAIL\t4\tuser=a\u{1}tb\u{1}nc\treason=no\u{1}r\n");
    assert_eq!(fail(5, "", None), "FAIL\t5\n");
    assert_eq!(proceed(6, "Username:"), "CONT\t6\tVXNlcm5hbWU6\n");
    assert_eq!(proceed(6, ""), "CONT\t6\t\n");
}

proptest! {
    #[test]
    fn any_bytes_are_a_line_or_none(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&line);
        let _ = plain(&response(&line));
    }

    #[test]
    fn what_is_escaped_reads_back(text in ".*") {
        prop_assert_eq!(unescape(&escape(&text)), text.clone());
        prop_assert!(!escape(&text).contains(['\t', '\n', '\r', '\0']));
    }
}
