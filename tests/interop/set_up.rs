//! Setting apps up: unmodified clients find by themselves what the page of a service says.

use serde_json::json;

use crate::{
    doorkey,
    parts::{Caddy, Kind, Radicale, Vdirsyncer, command},
    support::{Address, Done},
};

const ADA: &str = "ada@example.org";

#[test]
fn a_client_that_is_told_a_host_finds_calendars_and_contacts_there() {
    let (doorkey, _) = doorkey::start_at("localhost");
    let (radicale, ada) = (Radicale::start(), doorkey.person(ADA));
    let made = doorkey
        .admin()
        .post("/services", &json!({ "name": "dav", "kinds": ["contacts", "calendars"] }))
        .json(201);
    let key = made["key"].as_str().unwrap();
    let Address::Tcp(doorkey_at) = doorkey.address() else { panic!("it is reached by TCP") };
    let radicale_at = &radicale.authority;
    // One host for both, as people have it; calendars and contacts lie somewhere below.
    let front = Caddy::start_tls_with(|_| {
        format!(
            "handle /.well-known/* {{\nreverse_proxy {doorkey_at}\n}}\n\
             handle_path /some/where/* {{\nforward_auth {doorkey_at} {{\nuri /door/http/dav\n\
             header_up Doorkey-Service-Key {key}\ncopy_headers Remote-User>X-Remote-User\n}}\n\
             reverse_proxy {radicale_at} {{\nheader_up -Authorization\nheader_up X-Script-Name /some/where\n}}\n}}\n\
             handle {{\nrespond 404\n}}"
        )
    });
    let host = format!("localhost:{}", front.port(0));
    let url = format!("https://{host}/some/where/");
    let servers = json!([{ "protocol": "caldav", "url": url }, { "protocol": "carddav", "url": url }]);
    let body = json!({ "servers": servers, "domains": ["localhost"] });
    doorkey.admin().send("PUT", "/services/dav/set-up", Some(&body)).with(200);

    let password = ada.generate("Laptop", "contacts,calendars").password;
    for (kind, uid) in [(Kind::Calendars, "lunch-with-grace"), (Kind::Contacts, "grace-hopper")] {
        let laptop = Vdirsyncer::set_up_by_host(kind, &host, &front.authority(), (ADA, &password));
        laptop.discover().with(0);
        laptop.add(kind, uid);
        laptop.sync().with(0);
        let on_server = radicale.items(ADA).concat();
        assert!(on_server.contains(&format!("UID:{uid}")), "{on_server}");
    }

    // curl keeps its question and its password on the way, on the one host.
    let folder = tempfile::tempdir().unwrap();
    let mut curl = command("curl", folder.path());
    curl.args([
        "-sS",
        "-L",
        "-X",
        "PROPFIND",
        "-H",
        "Depth: 0",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{url_effective}",
    ])
    .args(["--cacert", &front.authority(), "-u", &format!("{ADA}:{password}")])
    .arg(format!("https://{host}/.well-known/caldav"));
    assert_eq!(Done::of(&mut curl, "").with(0).out, format!("207 {url}"));
}
