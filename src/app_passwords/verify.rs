//! Whether a sign-in at a door is good. Every door asks here, with one call; no door has a rule of its own.

use domain::{
    AccountId, AccountName, Admission, AppPasswordId, AppPasswordSecret, KindSet, LastUse, RefusalReason,
    ServiceName, Timestamp, What,
};
use store::{app_passwords as rows, events, services};

use crate::{
    app::App,
    ctx::Ctx,
    follow::{Live, Service},
    problem::Problem,
    refusals::Place,
};

/// What a door has read.
pub struct SignIn<'a> {
    /// The account's name, as the app sent it.
    pub name: &'a str,
    /// The secret, as the app sent it.
    pub secret: &'a str,
    /// The service whose door it is.
    pub service: &'a Service,
    /// The kinds that the app is after: the service's, unless the door knows more. Those that the service doesn't hold don't count.
    pub kinds: KindSet,
    /// The app's address, as far as the door knows.
    pub source: &'a str,
}

/// What the door is to answer.
pub enum Verdict {
    /// It is good.
    Yes(Yes),
    /// It isn't.
    No,
    /// The password is good, but not for this service.
    NotForThisService,
    /// The password is good, but its person may not use this service.
    NotForThisPerson,
    /// Doorkey can't tell now. Never to be answered as a wrong password.
    Unavailable,
}

/// A good sign-in.
pub struct Yes {
    /// Whose it is.
    pub account: index::Known,
    /// Which of their app-specific passwords it was.
    pub app_password: AppPasswordId,
    /// The service that it is good for.
    service: ServiceName,
    fingerprint: [u8; 32],
}

impl Yes {
    /// Whether it would still be good now, by what is known in memory: for a connection that is kept.
    pub fn holds(&self, live: &Live) -> bool {
        let Some(service) = live.service(self.service.as_str()) else { return false };
        let found = live.index.find(&self.account, &self.fingerprint, &service.allowed);
        found.is_some_and(|found| {
            let opens = matches!(found.opens.admit(service.kinds), Admission::Yes);
            !found.ended && found.account_active && found.account_allowed && opens
        })
    }
}

/// Decides. No database, but for the first use of a password that was made for the first app.
pub async fn verify(app: &App, sign_in: SignIn<'_>) -> Verdict {
    if !app.live.is_current() {
        return Verdict::Unavailable;
    }
    let now = app.clock.now();
    let account = AccountName::parse(sign_in.name, app.default_domain())
        .ok()
        .and_then(|name| app.index().account(name.as_str()));
    let Some(secret) = AppPasswordSecret::parse(sign_in.secret) else {
        return refuse(app, &sign_in, account.as_deref(), RefusalReason::WrongPassword);
    };
    // For an ID that nobody has, a fingerprint is made just the same: its time tells nothing.
    let id = account.as_ref().map_or(NOBODY, |account| account.id);
    let fingerprint = app.keyring.app_password_fingerprint(id, secret.letters());
    let found = account
        .as_ref()
        .and_then(|account| app.index().find(account, &fingerprint, &sign_in.service.allowed));
    let (found, account) = match (found, account) {
        (Some(found), Some(account)) => (found, account),
        (_, account) => return refuse(app, &sign_in, account.as_deref(), RefusalReason::WrongPassword),
    };
    let expired = found.expires_at.is_some_and(|at| at <= now);
    if expired {
        // Now, so that a clock that is moved back doesn't bring it to life; the keeper writes it down.
        app.index().mark_ended(&account, &fingerprint);
    }
    if found.ended || expired {
        return ended(app, &sign_in, found.id, now);
    }
    if !found.account_active {
        return refuse(app, &sign_in, Some(&account), RefusalReason::Suspended);
    }
    if !found.account_allowed {
        return not_for_this_person(app, &sign_in, account.id);
    }
    let kinds = sign_in.kinds.both(sign_in.service.kinds);
    let admission = match found.opens.admit(kinds) {
        Admission::Bind(kinds) => {
            match bind(app, found.id, account.id, kinds, sign_in.service, sign_in.source).await {
                Ok(Binding::Done) => Admission::Yes,
                // Somebody was faster, with another app or a revoke: what is in force now decides.
                Ok(Binding::PasswordChanged) => {
                    match app.index().find(&account, &fingerprint, &sign_in.service.allowed) {
                        Some(now_found) if !now_found.ended => now_found.opens.admit(kinds),
                        _ => return ended(app, &sign_in, found.id, now),
                    }
                }
                Ok(Binding::NotForThisPerson) => return not_for_this_person(app, &sign_in, account.id),
                Ok(Binding::ServiceChanged) | Err(_) => return Verdict::Unavailable,
            }
        }
        decided => decided,
    };
    match admission {
        Admission::Yes => {
            if app.index().stamp_use(&account, &fingerprint, now) {
                app.usage.used(found.id, last_use(&sign_in, now));
            }
            let (service, app_password) = (sign_in.service.name.clone(), found.id);
            Verdict::Yes(Yes { account, app_password, service, fingerprint })
        }
        Admission::Bind(_) => Verdict::Unavailable,
        Admission::No => {
            refuse(app, &sign_in, Some(&account), RefusalReason::NotForThisService);
            Verdict::NotForThisService
        }
    }
}

/// The account whose fingerprint is made when there is none of that name. No account has this id: its time is 1970.
const NOBODY: AccountId = AccountId::from_bytes([0; 16]);

/// What became of binding a password to what it opens first.
enum Binding {
    /// It is bound.
    Done,
    /// It was bound before, or works no more.
    PasswordChanged,
    /// Its person may no longer use the service.
    NotForThisPerson,
    /// The service has gone, or holds something else by now: that the app was after this is no longer known.
    ServiceChanged,
}

/// Binds a password that was made for the first app to what it opens first: durably, before the first yes. Meanwhile the service may
/// have been changed, or its person may have left a group, so both are looked at again in the transaction.
async fn bind(
    app: &App,
    id: AppPasswordId,
    account: AccountId,
    kinds: KindSet,
    service: &Service,
    source: &str,
) -> Result<Binding, Problem> {
    let mut stamp = Ctx::own(app)?.stamp;
    stamp.source = Some(source.to_owned());
    let (of, held, service) = (service.id, service.kinds, service.name.to_string());
    app.store
        .write(move |tx| {
            match services::by_id(tx, of)? {
                Some(now) if now.kinds == held => {}
                _ => return Ok(Binding::ServiceChanged),
            }
            if !services::may_use(tx, of, account)? {
                return Ok(Binding::NotForThisPerson);
            }
            if !rows::bind(tx, id, kinds, stamp.now)? {
                return Ok(Binding::PasswordChanged);
            }
            let label =
                rows::by_id(tx, id)?.map(|password| password.label.as_str().to_owned()).unwrap_or_default();
            let what = What::AppPasswordBound { id, label, kinds, service: service.clone() };
            events::append(tx, stamp.now, stamp.event(Some(account), domain::Actor::Doorkey, what))?;
            Ok::<_, Problem>(Binding::Done)
        })
        .await
}

/// Not counted with the refusals: its person is told once, and the list says when it was tried last.
fn ended(app: &App, sign_in: &SignIn<'_>, id: AppPasswordId, now: Timestamp) -> Verdict {
    app.usage.tried_after_end(id, last_use(sign_in, now));
    app.refusals.ended(now, &place(sign_in), sign_in.source);
    Verdict::No
}

/// The password is good, so its person is told why it opens nothing here.
fn not_for_this_person(app: &App, sign_in: &SignIn<'_>, account: AccountId) -> Verdict {
    app.metrics.doors.refused(RefusalReason::NotForThisPerson);
    let (now, reason) = (app.clock.now(), RefusalReason::NotForThisPerson);
    app.refusals.refused(now, Some(account), place(sign_in), reason, sign_in.source);
    Verdict::NotForThisPerson
}

fn refuse(
    app: &App,
    sign_in: &SignIn<'_>,
    account: Option<&index::Account>,
    reason: RefusalReason,
) -> Verdict {
    let reason = if account.is_some() { reason } else { RefusalReason::UnknownAccount };
    app.metrics.doors.refused(reason);
    let (now, account) = (app.clock.now(), account.map(|account| account.id));
    app.refusals.refused(now, account, place(sign_in), reason, sign_in.source);
    Verdict::No
}

fn place(sign_in: &SignIn<'_>) -> Place {
    Place::Door(sign_in.service.name.clone())
}

fn last_use(sign_in: &SignIn<'_>, at: Timestamp) -> LastUse {
    let service: ServiceName = sign_in.service.name.clone();
    LastUse { at, service, source: sign_in.source.to_owned() }
}
