//! An LDAP client that says what it is told to, also what no client should.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use bytes::BytesMut;
use ldap3_proto::{
    LdapCodec,
    control::LdapControl,
    parse_ldap_filter_str,
    proto::{
        LdapBindCred, LdapBindRequest, LdapCompareRequest, LdapDerefAliases, LdapExtendedRequest, LdapMsg,
        LdapOp, LdapResult, LdapResultCode as Code, LdapSearchRequest, LdapSearchResultEntry,
        LdapSearchScope as Scope,
    },
};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::Server;

const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// A client at the LDAP door.
pub struct LdapClient {
    /// The connection, for what isn't a message.
    pub stream: TcpStream,
    codec: LdapCodec,
    read: BytesMut,
    last: i32,
}

impl LdapClient {
    pub fn connect(server: &Server) -> Self {
        Self::from(server, [127, 0, 0, 1].into())
    }

    /// The same, from another address of this machine.
    pub fn from(server: &Server, source: IpAddr) -> Self {
        let address = server.ready()["ldap"].as_str().expect("an LDAP door").parse().unwrap();
        let stream = connect_from(source, address);
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream, codec: LdapCodec::default(), read: BytesMut::new(), last: 0 }
    }

    /// The bytes of a message.
    pub fn bytes_of(op: LdapOp) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        let message = LdapMsg { msgid: 1, op, ctrl: Vec::new() };
        LdapCodec::default().encode(message, &mut bytes).unwrap();
        bytes.to_vec()
    }

    pub fn send(&mut self, op: LdapOp, ctrl: Vec<LdapControl>) {
        self.last += 1;
        let mut bytes = BytesMut::new();
        self.codec.encode(LdapMsg { msgid: self.last, op, ctrl }, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next message; none when the door has closed.
    pub fn next(&mut self) -> Option<LdapMsg> {
        loop {
            if let Some(message) = self.codec.decode(&mut self.read).unwrap() {
                return Some(message);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub fn ask(&mut self, op: LdapOp) -> LdapOp {
        self.send(op, Vec::new());
        let answer = self.next().expect("an answer");
        assert_eq!(answer.msgid, self.last);
        answer.op
    }

    pub fn bind(&mut self, dn: &str, secret: &str) -> LdapResult {
        let cred = LdapBindCred::Simple(secret.into());
        match self.ask(LdapOp::BindRequest(LdapBindRequest { version: 3, dn: dn.into(), cred })) {
            LdapOp::BindResponse(response) => response.res,
            other => panic!("{other:?}"),
        }
    }

    pub fn search_page(
        &mut self,
        (base, scope, filter): (&str, Scope, &str),
        attrs: &[&str],
        limit: i32,
        page: Option<(i64, Vec<u8>)>,
    ) -> (Vec<LdapSearchResultEntry>, LdapResult, Vec<u8>) {
        let request = LdapSearchRequest {
            base: base.into(),
            scope,
            aliases: LdapDerefAliases::Never,
            sizelimit: limit,
            timelimit: 0,
            typesonly: false,
            filter: parse_ldap_filter_str(filter).unwrap(),
            attrs: attrs.iter().map(|name| (*name).to_owned()).collect(),
        };
        let control = page.map(|(size, cookie)| LdapControl::SimplePagedResults { size, cookie });
        self.send(LdapOp::SearchRequest(request), control.into_iter().collect());
        let mut entries = Vec::new();
        loop {
            let message = self.next().expect("an answer");
            assert_eq!(message.msgid, self.last);
            match message.op {
                LdapOp::SearchResultEntry(entry) => entries.push(entry),
                LdapOp::SearchResultDone(done) => {
                    let cookie = message.ctrl.into_iter().find_map(|control| match control {
                        LdapControl::SimplePagedResults { cookie, .. } => Some(cookie),
                        _ => None,
                    });
                    return (entries, done, cookie.unwrap_or_default());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attrs: &[&str],
    ) -> Vec<LdapSearchResultEntry> {
        let (entries, done, _) = self.search_page((base, scope, filter), attrs, 0, None);
        assert_eq!(done.code, Code::Success, "{}", done.message);
        entries
    }

    /// The names of what is found.
    pub fn found(&mut self, base: &str, scope: Scope, filter: &str) -> Vec<String> {
        self.search(base, scope, filter, &["1.1"]).into_iter().map(|entry| entry.dn).collect()
    }

    pub fn compare(&mut self, dn: &str, attribute: &str, value: &str) -> Code {
        let request = LdapCompareRequest { dn: dn.into(), atype: attribute.into(), val: value.into() };
        match self.ask(LdapOp::CompareRequest(request)) {
            LdapOp::CompareResult(result) => result.code,
            other => panic!("{other:?}"),
        }
    }

    pub fn who_am_i(&mut self) -> String {
        match self.ask(LdapOp::ExtendedRequest(LdapExtendedRequest { name: WHO_AM_I.into(), value: None })) {
            LdapOp::ExtendedResponse(response) => String::from_utf8(response.value.unwrap()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What the door says before it closes by itself, and that it does.
    pub fn notice(&mut self) -> Code {
        let message = self.next().expect("a notice");
        assert_eq!(message.msgid, 0);
        let LdapOp::ExtendedResponse(notice) = message.op else { panic!("{:?}", message.op) };
        assert_eq!(notice.name.as_deref(), Some("1.3.6.1.4.1.1466.20036"));
        assert!(self.next().is_none(), "it is closed");
        notice.res.code
    }
}

/// The values of one of an entry's attributes.
pub fn ldap_values(entry: &LdapSearchResultEntry, name: &str) -> Vec<String> {
    let found = entry.attributes.iter().find(|attribute| attribute.atype == name);
    found.into_iter().flat_map(|a| &a.vals).map(|value| String::from_utf8(value.clone()).unwrap()).collect()
}

/// A connection from this address of this machine.
pub fn connect_from(source: IpAddr, to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}
