//! Ready configuration for the servers that ask at the HTTP door, with a service's own values in it. The service's key isn't known
//! any more, so its place is named.

use super::views::{Configuration, KEY_PLACE as KEY};

/// For each server, what to put where.
pub fn all(public_url: &str, service: &str) -> Vec<Configuration> {
    let door = format!("/door/http/{service}");
    let host = public_url.split("://").nth(1).unwrap_or(public_url);
    vec![nginx(public_url, &door), caddy(public_url, host, &door), traefik(public_url, &door)]
}

fn nginx(public_url: &str, door: &str) -> Configuration {
    let text = format!(
        "location / {{
    auth_request /doorkey;
    auth_request_set $doorkey_user $upstream_http_remote_user;
    proxy_set_header X-Remote-User $doorkey_user;
    proxy_pass http://127.0.0.1:5232;
}}

location = /doorkey {{
    internal;
    proxy_pass {public_url}{door};
    proxy_pass_request_body off;
    proxy_set_header Content-Length \"\";
    proxy_set_header Doorkey-Service-Key \"{KEY}\";
    proxy_set_header X-Forwarded-For $remote_addr;
}}
"
    );
    configuration(
        "nginx",
        "nginx, auth_request",
        "Put both into the server block. Change proxy_pass in the first to the server that you protect, such as Radicale with \
         type = http_x_remote_user.",
        text,
    )
}

fn caddy(public_url: &str, host: &str, door: &str) -> Configuration {
    let text = format!(
        "calendar.example.org {{
    forward_auth {public_url} {{
        uri {door}
        header_up Host {host}
        header_up Doorkey-Service-Key {KEY}
        copy_headers Remote-User>X-Remote-User
    }}
    reverse_proxy 127.0.0.1:5232
}}
"
    );
    configuration(
        "caddy",
        "Caddy, forward_auth",
        "Change the first line to the address that people's apps use, and the last to the server that you protect.",
        text,
    )
}

fn traefik(public_url: &str, door: &str) -> Configuration {
    let text = format!(
        "http:
  middlewares:
    doorkey-key:
      headers:
        customRequestHeaders:
          Doorkey-Service-Key: \"{KEY}\"
    doorkey:
      forwardAuth:
        address: \"{public_url}{door}\"
        authResponseHeaders:
          - Remote-User
"
    );
    configuration(
        "traefik",
        "Traefik, ForwardAuth",
        "Name both middlewares on the router, doorkey-key first, and take the header away again behind them.",
        text,
    )
}

fn configuration(id: &str, title: &str, note: &str, text: String) -> Configuration {
    Configuration { id: id.into(), title: title.into(), note: note.into(), text }
}
