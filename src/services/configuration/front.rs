//! Web servers that ask at the HTTP door for what stands behind them.

use super::{Values, configuration};
use crate::services::views::Configuration;

pub fn all(values: &Values<'_>) -> Vec<Configuration> {
    let Values { url, service, key, .. } = values;
    let door = format!("/door/http/{service}");
    let host = url.split("://").nth(1).unwrap_or(url);
    vec![nginx(url, &door, key), caddy(url, host, &door, key), traefik(url, &door, key)]
}

fn nginx(public_url: &str, door: &str, key: &str) -> Configuration {
    // By itself nginx neither says which host it means nor looks whose certificate it is shown.
    let tls = if public_url.starts_with("https:") { NGINX_TLS } else { "" };
    let text = format!(
        "location / {{
    auth_request /doorkey;
    auth_request_set $doorkey_user $upstream_http_remote_user;
    proxy_set_header X-Remote-User $doorkey_user;
    proxy_set_header Authorization \"\";
    proxy_pass http://127.0.0.1:5232;
}}

location = /doorkey {{
    internal;
    proxy_pass {public_url}{door};{tls}
    proxy_pass_request_body off;
    proxy_set_header Content-Length \"\";
    proxy_set_header Doorkey-Service-Key \"{key}\";
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

const NGINX_TLS: &str = "
    proxy_ssl_server_name on;
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 2;
    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;";

fn caddy(public_url: &str, host: &str, door: &str, key: &str) -> Configuration {
    let text = format!(
        "calendar.example.org {{
    forward_auth {public_url} {{
        uri {door}
        header_up Host {host}
        header_up Doorkey-Service-Key {key}
        copy_headers Remote-User>X-Remote-User
    }}
    reverse_proxy 127.0.0.1:5232 {{
        header_up -Authorization
    }}
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

fn traefik(public_url: &str, door: &str, key: &str) -> Configuration {
    let text = format!(
        "http:
  middlewares:
    doorkey-key:
      headers:
        customRequestHeaders:
          Doorkey-Service-Key: \"{key}\"
    doorkey:
      forwardAuth:
        address: \"{public_url}{door}\"
        authResponseHeaders:
          - X-Remote-User
          - Remote-User
    doorkey-clean:
      headers:
        customRequestHeaders:
          Doorkey-Service-Key: \"\"
          Authorization: \"\"
"
    );
    configuration(
        "traefik",
        "Traefik, ForwardAuth",
        "Name all three on the router, in this order: doorkey-key, doorkey, doorkey-clean. The last keeps the key and the password \
         from the server that you protect.",
        text,
    )
}
