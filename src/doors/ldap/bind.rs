//! Who a client shows that it is.

use std::sync::Arc;

use domain::{MachineToken, TokenKind};
use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapResult, LdapResultCode as Code};

use super::{
    Client, Who,
    directory::{Directory, Place},
    dn::Dn,
    result, unavailable, wrong,
};
use crate::{
    app_passwords::verify::{SignIn, Verdict},
    doors::check,
    metrics::doors::Door,
    secrets,
    sign_out::connections::Kept,
};

impl Client {
    /// A bind (RFC 4511, 4.2; RFC 4513, 5.1). Whoever was bound before isn't any more, whatever comes of it.
    pub(super) async fn bind(&mut self, request: LdapBindRequest) -> LdapResult {
        self.who = Who::Nobody;
        if request.version != 3 {
            return result(Code::ProtocolError, "Only version 3 is spoken here.");
        }
        let LdapBindCred::Simple(secret) = request.cred else {
            return result(Code::AuthMethodNotSupported, "Only simple binds are known here.");
        };
        let secret = domain::Secret::new(secret);
        if request.dn.is_empty() && secret.expose().is_empty() {
            return result(Code::Success, "");
        }
        if secret.expose().is_empty() {
            // A client that takes success for a sign-in would let anybody in.
            return result(Code::UnwillingToPerform, "A name without a password is no sign-in.");
        }
        if !self.encrypted && self.peer.is_some_and(|peer| !peer.to_canonical().is_loopback()) {
            return result(
                Code::ConfidentialityRequired,
                "Passwords are taken over TLS only: use StartTLS or LDAPS.",
            );
        }
        let Some(dn) = Dn::parse(&request.dn) else {
            return result(Code::InvalidDNSyntax, "That is no distinguished name.");
        };
        let app = Arc::clone(&self.app);
        match Directory::new(&app, &self.base).place(&dn) {
            Place::Service(name) => self.bind_service(&name, secret.expose()),
            Place::Person(service, id) => self.bind_person(&service, &id, secret.expose()).await,
            _ => wrong(),
        }
    }

    fn bind_service(&mut self, name: &str, key: &str) -> LdapResult {
        if !self.app.live.is_current() {
            return unavailable();
        }
        let Some(service) = self.app.live.service(name) else { return wrong() };
        let good = MachineToken::parse(TokenKind::ServiceKey, key)
            .is_some_and(|key| seal::same(&secrets::hash(key.expose()), &service.key_hash));
        if good {
            self.who = Who::Service(service);
            return result(Code::Success, "");
        }
        let source = self.source();
        if self.app.usage.wrong_key(&service.name, self.app.clock.now(), &source) {
            tracing::warn!(
                service = name,
                source,
                "the LDAP door was asked with a wrong key: put the service's key into the server there"
            );
        }
        wrong()
    }

    async fn bind_person(&mut self, service: &str, id: &str, secret: &str) -> LdapResult {
        let Some(service) = self.app.live.service(service) else {
            return if self.app.live.is_current() { wrong() } else { unavailable() };
        };
        let source = self.source();
        let sign_in = SignIn { name: id, secret, service: &service, kinds: service.kinds, source: &source };
        match check(&self.app, Door::Ldap, sign_in).await {
            Verdict::Yes(good) => {
                let account = good.account.clone();
                // It may have been taken back since it was looked at.
                let Some(kept) = Kept::register(&self.app.live, good) else { return wrong() };
                self.who = Who::Person { service, account, kept };
                result(Code::Success, "")
            }
            Verdict::No => wrong(),
            Verdict::NotForThisService => {
                result(Code::InvalidCredentials, "The password is good, but was made for something else.")
            }
            Verdict::NotForThisPerson => result(
                Code::InvalidCredentials,
                "The password is good, but its person may not use this service.",
            ),
            Verdict::Unavailable => unavailable(),
        }
    }
}
