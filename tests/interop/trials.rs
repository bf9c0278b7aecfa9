//! The test of a service, against a real Dovecot: Doorkey signs in as apps do, and shows what Dovecot asked.

use serde_json::{Value, json};

use crate::{
    doorkey,
    parts::{Dovecot, free_port},
    support::{Data, Identity, group},
};

const ADA: &str = "ada@example.org";

#[test]
fn doorkey_signs_in_where_apps_do() {
    let identity = Identity::get();
    let (certificate, authority) = (identity.certificate(), identity.certificate());
    let settings =
        [("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1"), ("SSL_CERT_FILE", authority.to_str().unwrap())];
    let (doorkey, url) = doorkey::new_with(Data::new(), "127.0.0.1", &settings);
    doorkey.start_again();
    let key = doorkey.service("mail", "mail").key;
    let (imaps, key_file) = (free_port(), identity.key());
    let more = format!(
        "ssl = yes\nssl_cert = <{}\nssl_key = <{}\nservice imap-login {{\n  inet_listener imaps {{\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n",
        certificate.display(),
        key_file.display()
    );
    let dovecot = Dovecot::start_with(&format!("{url}/door/http/mail"), &key, &more);
    let at = |protocol: &str, port: u16, security: &str| json!({ "protocol": protocol, "host": "localhost", "port": port, "security": security });
    let ada = doorkey.administrator(ADA);
    let set = |servers: Value| {
        let asked = json!({ "servers": servers, "domains": [] });
        ada.api.send("PUT", "/services/mail/set-up", Some(&asked)).with(200);
    };
    set(json!([
        at("imap", imaps, "tls"),
        at("pop3", dovecot.pop3, "starttls"),
        at("submission", dovecot.submission, "starttls"),
        at("sieve", dovecot.sieve, "starttls"),
    ]));
    let begun = || ada.api.post("/services/mail/test", &Value::Null).json(201);
    let outcomes = |begun: &Value| -> Vec<(String, String)> {
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        begun["tried"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(one, "protocol"), text(one, "outcome")))
            .collect()
    };
    let all = ["imap", "pop3", "submission", "sieve"];
    let each = |outcome: &str| all.map(|protocol| (protocol.to_owned(), outcome.to_owned())).to_vec();
    let good = begun();
    assert_eq!(outcomes(&good), each("in"), "{good}");
    let seen = good["seen"].as_array().unwrap();
    assert_eq!(seen.len(), 4, "{good}");
    assert!(seen.iter().all(|one| one["answer"] == "yes" && one["name"] == ADA), "{good}");

    // Whoever may not use the service isn't let in, and is told who says so.
    group(&doorkey, "staff", &[]);
    ada.api.patch("/services/mail", &json!({ "groups": ["staff"] })).with(200);
    let refused = begun();
    assert_eq!(outcomes(&refused), each("refused"), "{refused}");
    assert!(refused["tried"].to_string().contains("AUTHENTICATIONFAILED"), "{refused}");
    assert_eq!(refused["seen"][0]["answer"], "not_for_this_person");

    set(json!([at("imap", free_port(), "tls"), at("sieve", dovecot.sieve, "tls")]));
    let lost = begun();
    let words = lost["tried"].to_string();
    assert_eq!(outcomes(&lost), ["imap", "sieve"].map(|protocol| (protocol.into(), "lost".into())), "{lost}");
    assert!(words.contains("can’t be reached") && words.contains("apps don’t trust it"), "{words}");
    let password = lost["password"].as_str().unwrap();
    assert!(!words.contains(password) && !doorkey.log().contains(password));
}
