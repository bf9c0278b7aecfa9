use super::*;

fn values(base_dn: &str, kinds: &[Kind]) -> Values<'static> {
    Values {
        service: "calendar",
        key: "dks_key",
        kinds: kinds.iter().copied().collect(),
        url: "https://doorkey.example.org".into(),
        plain_url: Some("http://127.0.0.1:8080".into()),
        ldap: directory(None, Some(([127, 0, 0, 1], 3893).into()), ""),
        base_dn: base_dn.into(),
        sasl: None,
    }
}

fn texts(values: &Values<'_>, id: &str) -> Vec<String> {
    let all = all(values).into_iter().flat_map(|group| group.configurations);
    let mut found = all.filter(|one| one.id == id);
    found.next().map(|one| one.files.into_iter().map(|file| file.text).collect()).unwrap_or_default()
}

#[test]
fn what_holds_mail_alone_is_shown_mail_servers() {
    let titles = |kinds: &[Kind]| {
        let groups = all(&values("dc=doorkey", kinds));
        groups.into_iter().map(|group| (group.title, group.configurations.len())).collect::<Vec<_>>()
    };
    assert_eq!(titles(&[Kind::Mail]), [("Mail servers".into(), 3), ("By LDAP".into(), 1)]);
    let web = [("A web server in front of it".into(), 3), ("By LDAP".into(), 5)];
    assert_eq!(titles(&[Kind::Other]), web);
    assert_eq!(titles(&[Kind::Mail, Kind::Calendars]).len(), 4);
}

#[test]
fn each_text_has_the_key_or_needs_none() {
    for group in all(&values("dc=doorkey", &[Kind::Mail, Kind::Calendars, Kind::Other])) {
        for one in group.configurations {
            let keyed = one.files.iter().any(|file| file.text.contains("dks_key"));
            assert_eq!(keyed, !["postfix", "radicale-sasl"].contains(&one.id.as_str()), "{}", one.id);
        }
    }
}

#[test]
fn names_in_a_directory_are_written_as_each_file_has_them() {
    let odd = values(r#"o=Ada\, Grace \"& Co?,c=gb's"#, &[Kind::Calendars]);
    let one = |id: &str| texts(&odd, id).concat();
    let apache = one("apache");
    assert!(apache.contains(
        r#"AuthLDAPURL "ldap://127.0.0.1:3893/ou=calendar,o=Ada%5C,%20Grace%20%5C%22%26%20Co%3F,c=gb%27s?uid,mail?sub?"#
    ), "{apache}");
    assert!(
        apache.contains(r#"AuthLDAPBindDN "cn=calendar,ou=services,o=Ada\\, Grace \\\"& Co?,c=gb's""#),
        "{apache}"
    );
    let nextcloud = one("nextcloud");
    assert!(nextcloud.contains(r#"ldapBase 'ou=calendar,o=Ada\, Grace \"& Co?,c=gb'\''s'"#), "{nextcloud}");
    let grafana: toml::Value = toml::from_str(&one("grafana")).unwrap();
    let base = grafana["servers"][0]["search_base_dns"][0].as_str();
    assert_eq!(base, Some(r#"ou=calendar,o=Ada\, Grace \"& Co?,c=gb's"#));
}

#[test]
fn a_listener_that_is_there_is_taken_and_one_that_is_not_is_said() {
    let mut values = values("dc=doorkey", &[Kind::Mail, Kind::Calendars]);
    assert_eq!(texts(&values, "postfix")[0], "[sasl.calendar]\nlisten = \"127.0.0.1:3894\"\n");
    values.sasl = Some(SaslListen::Tcp(([127, 0, 0, 1], 4000).into()));
    let [main, _] = texts(&values, "postfix").try_into().unwrap();
    assert!(main.contains("smtpd_sasl_path = inet:127.0.0.1:4000\n"), "{main}");
    let [radicale] = texts(&values, "radicale-sasl").try_into().unwrap();
    assert!(radicale.contains("dovecot_port = 4000\n"), "{radicale}");
    values.sasl = Some(SaslListen::Unix("/var/spool/postfix/private/doorkey".into()));
    assert!(texts(&values, "postfix")[0].contains("smtpd_sasl_path = private/doorkey\n"));
}

#[test]
fn the_ldap_doors_address_is_the_one_that_others_reach_and_encrypted_for_them() {
    let at = |listen: Option<&str>, tls: Option<&str>| {
        let parse = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        directory(parse(tls), parse(listen), "doorkey.example.org")
    };
    let mut values = values("dc=doorkey", &[Kind::Calendars]);
    let mut said = |listen, tls| {
        values.ldap = at(listen, tls);
        let url = values.ldap.as_ref().map(Directory::url).unwrap_or_default();
        let secured = ["apache", "nextcloud", "gitea", "grafana", "ldap", "radicale-ldap"].map(|id| {
            let text = texts(&values, id).concat();
            let by = [" STARTTLS", "ldapTLS '1'", "StartTLS", "start_tls = true", "= starttls"];
            let tls = ["ldaps:", "LDAPS", "use_ssl = true", "Encryption           TLS"];
            (by.iter().any(|by| text.contains(by)), tls.iter().any(|by| text.contains(by)))
        });
        (url, secured)
    };
    assert_eq!(said(Some("127.0.0.1:3893"), None), ("ldap://127.0.0.1:3893".into(), [(false, false); 6]));
    let (url, secured) = said(Some("0.0.0.0:389"), None);
    assert_eq!(url, "ldap://doorkey.example.org:389");
    assert!(secured.iter().all(|(starts, _)| *starts), "{secured:?}");
    let (url, secured) = said(Some("127.0.0.1:3893"), Some("0.0.0.0:636"));
    assert_eq!((url.as_str(), secured), ("ldaps://doorkey.example.org:636", [(false, true); 6]));
    assert_eq!(at(None, None), None);
}
