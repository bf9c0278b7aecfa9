//! Apache with mod_authnz_ldap and the configuration that a service's page shows.

use crate::{
    doorkey,
    parts::{Apache, Recorder, change, shipped_files},
    support::{Request, basic},
};

const ADA: &str = "ada@example.org";

#[test]
fn apache_asks_the_directory_each_time_and_passes_on_who_it_is() {
    let doors = doorkey::with_doors("calendar");
    let key = doors.server.service("calendar", "calendars").key;
    let protected = Recorder::start("HTTP/1.1 204 No Content");
    let [text] = shipped_files("apache", &doors.values("calendar", &key)).try_into().unwrap();
    let apache = Apache::start(&change(&text, "127.0.0.1:5232", &protected.authority()));
    let status = |name: &str, secret: &str| {
        let login = basic(format!("{name}:{secret}"));
        apache.address().ask(&Request::get("/").header("Authorization", login)).status
    };
    let ada = doors.server.person(ADA);
    let (calendars, mail) = (ada.generate("Calendar", "calendars"), ada.generate("Phone", "mail"));
    for name in [ADA, "ada", "ADA@Example.ORG"] {
        assert_eq!(status(name, &calendars.password), 204, "{name}");
    }
    for seen in protected.seen() {
        assert_eq!(seen.header("x-remote-user"), Some(ADA));
        assert_eq!(seen.header("authorization"), None);
    }
    for (name, secret) in
        [(ADA, &mail.password), (ADA, &ada.password), (ADA, &String::new()), ("nobody", &calendars.password)]
    {
        assert_eq!(status(name, secret), 401, "{name}");
    }
    assert_eq!(apache.address().ask(&Request::get("/")).status, 401);

    doors.server.kill();
    assert_eq!(status(ADA, &calendars.password), 500, "an outage isn't a wrong password");
    doors.server.start_again();
    assert_eq!(status(ADA, &calendars.password), 204);
    ada.revoke(&calendars).with(200);
    assert_eq!(status(ADA, &calendars.password), 401, "nothing is kept");
    assert_eq!(protected.seen().len(), 4);
}
