//! Null servers: the same framework, codec and loop as Doorkey's doors, and an answer of the same size without checking anything. They are
//! the ceiling.

use std::{io::Write as _, sync::Arc};

use axum::{Router, extract::State, http::HeaderMap, routing::any};
use bytes::BytesMut;
use doorkey::{
    doors::accept::{self, Connection},
    server::{self, Listener, Places, bounded},
};
use ldap3_proto::{
    LdapCodec,
    proto::{LdapBindResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::process::{Null, block_on};

/// Runs one until the process is ended.
pub fn run(null: Null) {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\"{}\"", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let (_stop, stopping) = watch::channel(false);
        let (places, tcp) = (Places::new(1024), accept::Listener::Tcp);
        match null {
            Null::Http => {
                let router = Router::new().route("/door/http/{service}", any(http));
                server::run(vec![Listener::tcp(listener, None, router, places)], stopping).await;
            }
            Null::HandOut => {
                let path = "/builds/{id}/apple_developer_portal_data.json";
                let body: Arc<str> = crate::hand_out::body().into();
                let router = Router::new().route(path, any(hand_out)).with_state(body);
                server::run(vec![Listener::tcp(listener, None, router, places)], stopping).await;
            }
            Null::Ldap => accept::run(tcp(listener), Arc::clone(&places), "", ldap, stopping).await,
            Null::Sasl => accept::run(tcp(listener), Arc::clone(&places), "", sasl, stopping).await,
        }
    });
}

async fn http(_: HeaderMap) -> [(&'static str, &'static str); 4] {
    [
        ("remote-user", "u1@example.org"),
        ("remote-email", "u1@example.org"),
        ("remote-name", "Person 1"),
        ("doorkey-app-password", "01JAAAAAAAAAAAAAAAAAAAAAAA"),
    ]
}

async fn hand_out(State(body): State<Arc<str>>, _: HeaderMap) -> ([(&'static str, &'static str); 3], String) {
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    (headers, body.as_ref().to_owned())
}

/// Says yes to every message.
async fn ldap(connection: Connection) {
    let mut stream = bounded(connection);
    let mut codec = LdapCodec::new(Some(64 * 1024), Some(64));
    let (mut read, mut answers) = (BytesMut::with_capacity(4096), BytesMut::new());
    loop {
        while let Some(message) = codec.decode(&mut read).unwrap() {
            let LdapOp::BindRequest(_) = message.op else { return };
            let (code, message_text) = (LdapResultCode::Success, String::new());
            let res =
                LdapResult { code, matcheddn: String::new(), message: message_text, referral: Vec::new() };
            let op = LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None });
            codec.encode(LdapMsg { msgid: message.msgid, op, ctrl: Vec::new() }, &mut answers).unwrap();
        }
        if stream.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    }
}

/// Says yes to every sign-in.
async fn sasl(connection: Connection) {
    let mut stream = bounded(connection);
    let greeting = "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";
    if stream.write_all(greeting.as_bytes()).await.is_err() {
        return;
    }
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let (mut answers, mut at) = (String::new(), 0);
        while let Some(length) = buffer[at..].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&buffer[at..at + length]).unwrap();
            let mut fields = line.split('\t');
            if fields.next() == Some("AUTH") {
                answers += &format!("OK\t{}\tuser=u1@example.org\n", fields.next().unwrap());
            }
            at += length + 1;
        }
        buffer.drain(..at);
        if stream.write_all(answers.as_bytes()).await.is_err()
            || !matches!(stream.read_buf(&mut buffer).await, Ok(1..))
        {
            return;
        }
    }
}
