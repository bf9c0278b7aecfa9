//! Steps of builds that reach Doorkey through the web servers that stand in front of it: they send their token in a header with
//! underscores in its name, which nginx drops unless it is told otherwise.

use crate::{
    doorkey,
    parts::{Apache, Caddy, Nginx, free_port},
    support::{Address, Building, Data, Made, Request, Server, key},
};

const ADA: &str = "ada@example.org";

/// A server at this port whose people reach it by this URL.
fn behind(port: u16, url: &str) -> Server {
    let (listen, proxies) = (format!("127.0.0.1:{port}"), "127.0.0.1");
    let settings = [
        ("DOORKEY__HTTP__LISTEN", listen.as_str()),
        ("DOORKEY__HTTP__PUBLIC_URL", url),
        ("DOORKEY__HTTP__TRUSTED_PROXIES", proxies),
    ];
    let server = Server::on(Data::new(), &settings);
    server.start_again();
    server.administrator(ADA);
    server
}

/// What `doorkey doctor` says of the public URL.
fn doctor(server: &Server) -> String {
    let said = server.run(&["doctor", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let checks = said["checks"].as_array().unwrap().iter().filter(|check| check["about"] == "public_url");
    checks.map(|check| format!("{} {}\n", check["state"], check["said"])).collect()
}

/// Whether steps of a build receive its key there, in each way that they ask.
fn steps_receive_it(server: &Server, front: &Address) -> bool {
    let building = Building::make(server, &Made::of(ADA));
    let build = &building.builds[0];
    let doubled = build.path().replace("/apple_", "//apple_");
    let ways = [build.request(), Request::get(&doubled).header("Build_api_token", &build.token)];
    let answers = ways.map(|request| {
        let answer = front.ask(&request);
        assert_eq!(answer.header("location"), None);
        if answer.status == 200 {
            assert_eq!(answer.json(200)["private_key"], key().pem().expose().as_str());
            return true;
        }
        assert!(answer.json(401)["error_msg"].as_str().unwrap().contains("BUILD_API_TOKEN"));
        false
    });
    assert_eq!(answers[0], answers[1]);
    answers[0]
}

fn nginx(more: &str) -> (Nginx, u16) {
    let port = free_port();
    let text = format!(
        "{more}\nlocation / {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host; \
         proxy_set_header X-Forwarded-For $remote_addr; }}"
    );
    (Nginx::start(&[text]), port)
}

#[test]
fn nginx_drops_what_steps_send_and_the_doctor_and_the_log_say_so() {
    let (nginx, port) = nginx("");
    let server = behind(port, &format!("http://localhost:{}", nginx.port(0)));
    assert!(doctor(&server).contains("drops headers with an underscore"), "{}", doctor(&server));
    assert!(!steps_receive_it(&server, &nginx.address(0)));
    server.says("underscores_in_headers on;").unwrap();
}

#[test]
fn nginx_that_is_told_to_lets_it_through() {
    let (nginx, port) = nginx("underscores_in_headers on;");
    let server = behind(port, &format!("http://localhost:{}", nginx.port(0)));
    let said = doctor(&server);
    assert!(said.contains("\"fine\"") && !said.contains("underscore"), "{said}");
    assert!(steps_receive_it(&server, &nginx.address(0)));
    server.stop();
    assert!(!server.log().contains("underscores_in_headers"));
}

#[test]
fn apache_and_caddy_let_it_through_by_themselves() {
    let port = free_port();
    let text = format!("ProxyPreserveHost On\nProxyPass / http://127.0.0.1:{port}/\n");
    let apache = Apache::start(&text);
    let Address::Tcp(address) = apache.address() else { panic!("an address") };
    let server = behind(port, &format!("http://localhost:{}", address.port()));
    assert!(!doctor(&server).contains("underscore"), "{}", doctor(&server));
    assert!(steps_receive_it(&server, &apache.address()));
    drop(server);

    let (server, _) = doorkey::start_at("127.0.0.1");
    server.administrator(ADA);
    let site = format!("calendar.example.org {{\nreverse_proxy {}\n}}\n", server.url());
    let caddy = Caddy::start(&[site]);
    assert!(steps_receive_it(&server, &caddy.address(0)));
}
