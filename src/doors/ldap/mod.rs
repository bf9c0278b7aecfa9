//! The LDAP door: LDAPv3 (RFC 4511) as mail servers, web applications and machines ask it. Services bind with their key and look for
//! people below their own branch; people bind with an app-specific password. Nothing can be changed through it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use domain::AccountId;
use ldap3_proto::{
    LdapCodec,
    control::LdapControl,
    proto::{
        LdapBindResponse, LdapCompareRequest, LdapExtendedRequest, LdapExtendedResponse, LdapMsg, LdapOp,
        LdapResult, LdapResultCode as Code, LdapSearchRequest,
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::watch,
};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::accept::{Connection, stopped};
use crate::{
    app::App,
    follow::Service,
    server::{Places, bounded, tls::Certificate},
    sign_out::connections::Kept,
};
use directory::Directory;
use dn::Dn;
use frame::Frame;
use search::Page;

mod bind;
pub mod directory;
mod dn;
mod entry;
mod filter;
mod frame;
pub mod listen;
mod search;

/// The control for pages (RFC 2696).
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// The operation that begins TLS (RFC 4511, 4.14).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The operation that tells who is bound (RFC 4532).
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// What a server says before it closes by itself (RFC 4511, 4.4.1).
const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// The longest message that is taken, in bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;
/// How deep its parts may lie inside one another.
const DEEPEST: usize = 64;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take over a message, or stay without having bound.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is bound on a connection.
pub enum Who {
    /// Nobody yet.
    Nobody,
    /// A service, with its key.
    Service(Arc<Service>),
    /// Somebody, with an app-specific password.
    Person {
        /// Whose branch they bound in.
        service: Arc<Service>,
        /// Whose account.
        account: index::Known,
        /// What ends the connection when the password is taken back.
        kept: Kept,
    },
}

impl Who {
    /// The service whose branch is to be seen.
    pub const fn service(&self) -> Option<&Arc<Service>> {
        match self {
            Self::Nobody => None,
            Self::Service(service) | Self::Person { service, .. } => Some(service),
        }
    }

    /// The account, if it is a person.
    pub fn account(&self) -> Option<AccountId> {
        if let Self::Person { account, .. } = self { Some(account.id) } else { None }
    }

    /// Whether this account may be seen: a person sees themselves.
    pub fn may_see(&self, account: AccountId) -> bool {
        self.account().is_none_or(|own| own == account)
    }

    /// Waits until what let them in is taken back.
    async fn ended(&self) {
        match self {
            Self::Person { kept, .. } => kept.ended().await,
            Self::Nobody | Self::Service(_) => std::future::pending().await,
        }
    }
}

/// What follows an answer.
enum Next {
    /// The next message.
    Go,
    /// TLS.
    StartTls,
    /// The end.
    Close,
}

/// How a connection came to its end, or to TLS.
enum Ended {
    StartTls,
    Closed,
}

/// Answers one client until it goes away, breaks the protocol, or the server stops.
pub async fn serve(
    app: Arc<App>,
    certificate: Option<Arc<Certificate>>,
    tls_at_once: bool,
    connection: Connection,
    stopping: watch::Receiver<bool>,
) {
    let (peer, places) = (connection.peer(), Arc::clone(&app.metrics.door_places.ldap));
    let mut connection = bounded(connection);
    let base = Directory::base(&app);
    let mut client =
        Client { app, base, places, certificate, peer, encrypted: false, who: Who::Nobody, stopping };
    if !tls_at_once && !matches!(client.talk(&mut connection).await, Ok(Ended::StartTls)) {
        return;
    }
    let Some(certificate) = client.certificate.clone() else { return };
    let handshake = tokio::time::timeout(HANDSHAKE, certificate.acceptor().accept(connection));
    let mut stream = tokio::select! {
        biased;
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => stream,
            _ => return,
        },
        () = client.places.crowded() => return,
    };
    client.encrypted = true;
    let _ = client.talk(&mut stream).await;
}

/// One client.
struct Client {
    app: Arc<App>,
    base: Dn,
    places: Arc<Places>,
    certificate: Option<Arc<Certificate>>,
    peer: Option<IpAddr>,
    encrypted: bool,
    who: Who,
    stopping: watch::Receiver<bool>,
}

impl Client {
    async fn talk(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<Ended> {
        let mut codec = LdapCodec::new(Some(LONGEST_MESSAGE), Some(DEEPEST));
        let (mut read, mut answers) = (BytesMut::with_capacity(4096), BytesMut::new());
        loop {
            let decoded = match frame::look(&read, LONGEST_MESSAGE) {
                Frame::Whole => codec.decode(&mut read).map_err(|_| "That is no LDAP message."),
                Frame::Part => Ok(None),
                Frame::TooLong => Err("That message is too long."),
            };
            match decoded {
                Ok(Some(message)) => {
                    let next = self.answer(message, &mut codec, &mut answers).await?;
                    // Answers to what came together go out together.
                    if !matches!(next, Next::Go) || read.is_empty() || answers.len() > LONGEST_MESSAGE {
                        stream.write_all(&answers).await?;
                        answers.clear();
                    }
                    match next {
                        Next::Go if read.is_empty() => {}
                        // Whoever asks much at once isn't the only one.
                        Next::Go => tokio::task::yield_now().await,
                        // What came with the request, before there was TLS, may be somebody else's.
                        Next::StartTls if read.is_empty() => return Ok(Ended::StartTls),
                        Next::StartTls | Next::Close => return Ok(Ended::Closed),
                    }
                    continue;
                }
                Ok(None) => {}
                Err(why) => {
                    self.disconnect(Code::ProtocolError, why, &mut codec, &mut answers)?;
                    stream.write_all(&answers).await?;
                    return Ok(Ended::Closed);
                }
            }
            stream.write_all(&answers).await?;
            answers.clear();
            let unbound = matches!(self.who, Who::Nobody);
            let hurried = unbound || !read.is_empty();
            let why = tokio::select! {
                biased;
                () = self.who.ended() => (Code::Unavailable, "The app-specific password was taken back, or is in use by too many."),
                () = stopped(&mut self.stopping) => (Code::Unavailable, "The server stops."),
                count = stream.read_buf(&mut read) => match count? {
                    0 => return Ok(Ended::Closed),
                    _ => continue,
                },
                () = wait(PATIENCE), if hurried => (Code::Unavailable, "Nothing has come for too long."),
                () = self.places.crowded(), if unbound => (Code::Busy, "Others want to bind. Try again."),
            };
            self.disconnect(why.0, why.1, &mut codec, &mut answers)?;
            stream.write_all(&answers).await?;
            return Ok(Ended::Closed);
        }
    }

    fn disconnect(
        &self,
        code: Code,
        message: &str,
        codec: &mut LdapCodec,
        answers: &mut BytesMut,
    ) -> std::io::Result<()> {
        let notice = LdapExtendedResponse {
            res: result(code, message),
            name: Some(NOTICE_OF_DISCONNECTION.to_owned()),
            value: None,
        };
        codec.encode(LdapMsg { msgid: 0, op: LdapOp::ExtendedResponse(notice), ctrl: Vec::new() }, answers)
    }

    /// The service as it is by now: since somebody bound, it may have got other people, another key, or an end.
    fn look_again(&mut self) {
        let Some(bound) = self.who.service() else { return };
        let now = self.app.live.service(bound.name.as_str()).filter(|now| now.id == bound.id);
        match (&mut self.who, now) {
            (Who::Service(bound), Some(now)) if now.key_hash == bound.key_hash => *bound = now,
            (Who::Person { service, .. }, Some(now)) => *service = now,
            (who, _) => *who = Who::Nobody,
        }
    }

    async fn answer(
        &mut self,
        message: LdapMsg,
        codec: &mut LdapCodec,
        answers: &mut BytesMut,
    ) -> std::io::Result<Next> {
        let LdapMsg { msgid, op, ctrl } = message;
        self.look_again();
        let mut say =
            |op: LdapOp, ctrl: Vec<LdapControl>| codec.encode(LdapMsg { msgid, op, ctrl }, &mut *answers);
        let unknown = ctrl.iter().find_map(|control| match control {
            LdapControl::Unknown { oid, criticality: true, .. } => Some(oid.clone()),
            _ => None,
        });
        let refused = unknown.map(|oid| {
            result(Code::UnavailableCriticalExtension, &format!("The control {oid} isn't known here."))
        });
        match op {
            LdapOp::UnbindRequest => return Ok(Next::Close),
            // Answers come in the order of the questions: there is never anything left to abandon.
            LdapOp::AbandonRequest(_) => {}
            LdapOp::BindRequest(request) => {
                let res = match refused {
                    Some(refused) => refused,
                    None => self.bind(request).await,
                };
                say(LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }), Vec::new())?;
            }
            LdapOp::SearchRequest(request) => match refused {
                Some(refused) => say(LdapOp::SearchResultDone(refused), Vec::new())?,
                None => self.search(&request, &ctrl, &mut say).await?,
            },
            LdapOp::CompareRequest(request) => {
                let res = refused.unwrap_or_else(|| self.compare(&request));
                say(LdapOp::CompareResult(res), Vec::new())?;
            }
            LdapOp::ExtendedRequest(request) => {
                let (res, value, next) = self.extended(&request);
                let name = (request.name == START_TLS).then(|| request.name.clone());
                say(LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value }), Vec::new())?;
                return Ok(next);
            }
            LdapOp::ModifyRequest(_) => say(LdapOp::ModifyResponse(read_only()), Vec::new())?,
            LdapOp::AddRequest(_) => say(LdapOp::AddResponse(read_only()), Vec::new())?,
            LdapOp::DelRequest(_) => say(LdapOp::DelResponse(read_only()), Vec::new())?,
            LdapOp::ModifyDNRequest(_) => say(LdapOp::ModifyDNResponse(read_only()), Vec::new())?,
            // Only servers say the rest.
            _ => {
                self.disconnect(Code::ProtocolError, "That is no request.", codec, answers)?;
                return Ok(Next::Close);
            }
        }
        Ok(Next::Go)
    }

    /// The address that the client is at: LDAP doesn't tell the app's.
    fn source(&self) -> String {
        self.peer.map_or_else(|| "local".to_owned(), |peer| peer.to_canonical().to_string())
    }

    async fn search(
        &self,
        request: &LdapSearchRequest,
        controls: &[LdapControl],
        say: &mut impl FnMut(LdapOp, Vec<LdapControl>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let page = controls.iter().find_map(|control| match control {
            LdapControl::SimplePagedResults { size, cookie } => {
                Some(Page { size: usize::try_from(*size).unwrap_or(0), cookie: cookie.clone() })
            }
            _ => None,
        });
        let paged = page.is_some();
        if !self.app.live.is_current() {
            return say(LdapOp::SearchResultDone(unavailable()), Vec::new());
        }
        let answer = search::search(
            Directory::new(&self.app, &self.base),
            &self.who,
            self.certificate.is_some() && !self.encrypted,
            request,
            page,
        )
        .await;
        for entry in answer.entries {
            say(LdapOp::SearchResultEntry(entry), Vec::new())?;
        }
        let cookie = LdapControl::SimplePagedResults { size: 0, cookie: answer.cookie };
        let controls = if paged { vec![cookie] } else { Vec::new() };
        say(LdapOp::SearchResultDone(result(answer.code, answer.message)), controls)
    }

    /// A comparison (RFC 4511, 4.10).
    fn compare(&self, request: &LdapCompareRequest) -> LdapResult {
        let Some(service) = self.who.service() else {
            return result(Code::InsufficentAccessRights, "Bind first.");
        };
        let Some(dn) = Dn::parse(&request.dn) else {
            return result(Code::InvalidDNSyntax, "That is no distinguished name.");
        };
        let Some(attribute) = entry::attribute(&request.atype) else {
            return result(Code::UndefinedAttributeType, "That attribute isn't known here.");
        };
        let Ok(value) = std::str::from_utf8(&request.val) else {
            return result(Code::InvalidAttributeSyntax, "That isn't UTF-8.");
        };
        let entry = Directory::new(&self.app, &self.base).entry(service, &dn, self.who.account());
        match entry {
            Err(_) => unavailable(),
            Ok(None) => result(Code::NoSuchObject, "Nothing stands there that you may see."),
            Ok(Some(entry)) => {
                let (mut values, mut any) = (entry.values(attribute.name).peekable(), false);
                let none = values.peek().is_none();
                for held in values {
                    any |= filter::equal(attribute.syntax, held, value);
                }
                match (none, any) {
                    (true, _) => result(Code::NoSuchAttribute, "It has no such attribute."),
                    (_, true) => result(Code::CompareTrue, ""),
                    (_, false) => result(Code::CompareFalse, ""),
                }
            }
        }
    }

    fn extended(&self, request: &LdapExtendedRequest) -> (LdapResult, Option<Vec<u8>>, Next) {
        match request.name.as_str() {
            WHO_AM_I => {
                let directory = Directory::new(&self.app, &self.base);
                let who = match &self.who {
                    Who::Nobody => String::new(),
                    Who::Service(service) => format!("dn:{}", directory.service_dn(service)),
                    Who::Person { service, account, .. } => {
                        format!("dn:{}", directory.person_dn(service, &account.name))
                    }
                };
                (result(Code::Success, ""), Some(who.into_bytes()), Next::Go)
            }
            START_TLS if self.encrypted => {
                (result(Code::OperationsError, "TLS is there already."), None, Next::Go)
            }
            START_TLS if self.certificate.is_none() => {
                (result(Code::Unavailable, "This server has no certificate for LDAP."), None, Next::Go)
            }
            START_TLS => (result(Code::Success, ""), None, Next::StartTls),
            _ => (result(Code::ProtocolError, "That operation isn't known here."), None, Next::Go),
        }
    }
}

/// Waits so long.
async fn wait(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

fn result(code: Code, message: &str) -> LdapResult {
    LdapResult { code, matcheddn: String::new(), message: message.to_owned(), referral: Vec::new() }
}

fn wrong() -> LdapResult {
    result(Code::InvalidCredentials, "")
}

/// Never a wrong password: clients forget those.
fn unavailable() -> LdapResult {
    result(Code::Unavailable, "Sign-ins can't be checked at the moment.")
}

fn read_only() -> LdapResult {
    result(Code::UnwillingToPerform, "Nothing can be changed here. Use Doorkey's pages, API or command line.")
}
