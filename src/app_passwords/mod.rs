//! App-specific passwords: generating, listing and revoking them. Whether one is good is asked in [`verify`] alone.

use domain::{
    ACTIVE_APP_PASSWORDS_MAX, AppPassword, AppPasswordId, AppPasswordSecret, ENDED_APP_PASSWORDS_KEPT, Ended,
    KindSet, Label, Opens, Secret, Timestamp, What, WhyEnded,
};
use store::{app_passwords as rows, events};

use crate::{
    access::{Fresh, Oneself, SignedIn},
    accounts::{end_app_passwords, two_factor},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    set_up::{self, profile::Profile},
    sign_out::open::Open,
};

pub mod api;
pub mod generate_pages;
pub mod keeper;
pub mod pages;
pub mod usage;
pub mod verify;
pub mod views;

/// What is asked about a new app-specific password.
pub struct New {
    /// What its person calls it.
    pub label: Label,
    /// What it opens.
    pub opens: Opens,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
}

impl New {
    /// Reads what was typed: `opens` is none for the first app that uses it, `expires` a time from now as in "90d", or empty.
    ///
    /// # Errors
    /// `unfit`, at the field `label`, `for` or `expires`.
    pub fn parse(
        label: &str,
        opens: Option<KindSet>,
        expires: &str,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let label =
            Label::parse(label).map_err(|error| Problem::field("label", format!("The label {error}.")))?;
        let opens = match opens {
            None => Opens::First,
            Some(kinds) if kinds.is_empty() => {
                let detail = "Choose at least one thing that it may open, or the first app that uses it.";
                return Err(Problem::field("for", detail));
            }
            Some(kinds) => Opens::Kinds(kinds),
        };
        Ok(Self { label, opens, expires_at: expiry(expires, now)? })
    }
}

/// Ten years: whoever wants longer wants no expiry.
const LONGEST_DAYS: i64 = 3650;

fn expiry(typed: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let typed = typed.trim();
    if typed.is_empty() || typed == "never" {
        return Ok(None);
    }
    match days(typed) {
        Some(days) if days <= LONGEST_DAYS => Ok(Some(now.plus_days(days))),
        _ => Err(Problem::field(
            "expires",
            "Say when it expires as in 30d, 12w or 1y: at least a day, at most ten years.",
        )),
    }
}

/// A time as in "90d", "12w" or "1y", in days: one at least.
pub fn days(typed: &str) -> Option<i64> {
    let typed = typed.trim();
    let unit_days = match typed.as_bytes().last()? {
        b'd' => 1,
        b'w' => 7,
        b'y' => 365,
        _ => return None,
    };
    let number = typed.get(..typed.len() - 1).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
    number.parse::<i64>().ok()?.checked_mul(unit_days).filter(|days| *days > 0)
}

/// All of the person's app-specific passwords, the newest first.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, person: &Oneself) -> Result<Vec<AppPassword>, Problem> {
    let mut passwords = app.store.read(|conn| rows::of_account(conn, person.account()))?;
    for password in &mut passwords {
        app.usage.overlay(password);
    }
    Ok(passwords)
}

/// Somebody who may generate one: two-factor authentication is on, which is said before anything is asked, and the second factor was
/// shown a short while ago.
///
/// # Errors
/// `two-factor-needed`, `confirmation-needed`.
pub fn generator(app: &App, person: SignedIn, now: Timestamp) -> Result<Fresh<SignedIn>, Problem> {
    if !app.store.read(|conn| two_factor::is_on(conn, person.account.id))? {
        return Err(two_factor_needed());
    }
    person.fresh(now)
}

fn two_factor_needed() -> Problem {
    Problem::new(
        Code::TwoFactorNeeded,
        "App-specific passwords go with two-factor authentication. Turn it on under Sign-In and Security first.",
    )
}

/// Generates an app-specific password. The secret is in the answer and nowhere else.
///
/// # Errors
/// `two-factor-needed`, `too-many-app-passwords`.
pub async fn generate(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    new: New,
) -> Result<(AppPassword, AppPasswordSecret), Problem> {
    let person = person.who();
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account.id, person.actor());
    let secret = AppPasswordSecret::generate(&mut ctx.rng);
    let fingerprint = app.keyring.app_password_fingerprint(account, secret.letters());
    let password = AppPassword {
        id: AppPasswordId::new(stamp.now, &mut ctx.rng),
        account,
        label: new.label,
        opens: new.opens,
        created_at: stamp.now,
        expires_at: new.expires_at,
        ended: None,
        last_use: None,
        tried_after_end: None,
    };
    let (row, session) = (password.clone(), person.session.id);
    app.store
        .write(move |tx| {
            // In the transaction: a password change or turning two-factor off, a moment earlier, ends the right to this.
            person_still_may(tx, session, account)?;
            if rows::count_live(tx, account, stamp.now)? >= ACTIVE_APP_PASSWORDS_MAX {
                return Err(Problem::new(
                    Code::TooManyAppPasswords,
                    "You have 25 app-specific passwords, the most there can be. Revoke one you no longer use.",
                ));
            }
            // Whoever makes many leaves no heap behind: what a change of the account costs stays the same.
            rows::forget_ended(tx, account, ENDED_APP_PASSWORDS_KEPT)?;
            rows::insert(tx, &row, &fingerprint)?;
            let kinds = match row.opens {
                Opens::First => KindSet::NONE,
                Opens::Kinds(kinds) => kinds,
            };
            let what = What::AppPasswordGenerated {
                id: row.id,
                label: row.label.as_str().into(),
                kinds,
                expires_at: row.expires_at,
            };
            Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?)
        })
        .await?;
    Ok((password, secret))
}

/// A profile that sets an iPhone, iPad or Mac up with the password that this person has just been shown, and sends back.
///
/// # Errors
/// `unfit` at `password` when it is none of theirs that works; `not-found` when there is nothing to set up.
pub fn profile(
    app: &App,
    person: &SignedIn,
    password: &str,
    now: Timestamp,
) -> Result<Secret<String>, Problem> {
    let (password, secret) = set_up::person::sent_back(app, person, password, now)?;
    let account = &person.account;
    let profile = Profile {
        host: app.config.http.public_url.host(),
        id: &account.name,
        name: &account.display_name,
        label: &password.label,
        password: &secret.shown(),
        opened: &set_up::person::opened(app, account.id, password.opens)?,
    };
    profile.text().ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "There is nothing that a profile could set up: nobody has said where apps reach what this password opens. Ask an \
             administrator, or enter it in the app by hand.",
        )
    })
}

fn person_still_may(
    tx: &mut store::Tx<'_>,
    session: domain::SessionId,
    account: domain::AccountId,
) -> Result<(), Problem> {
    SignedIn::still(tx, session)?;
    if !two_factor::is_on(tx, account)? {
        return Err(two_factor_needed());
    }
    Ok(())
}

/// Revokes one for good, and gives it as it is now, with what it had open; one that had ended before stays as it was. It asks for no fresh second
/// factor: whoever has lost a phone must be able to lock it out at once.
///
/// # Errors
/// `not-found` when it isn't this person's, or never was.
pub async fn revoke(
    app: &App,
    ctx: &Ctx,
    person: &Oneself,
    id: AppPasswordId,
) -> Result<(AppPassword, Open), Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account(), person.actor());
    let open = open(app, person, |password| password.id == id)?;
    let (password, ended) = app
        .store
        .write(move |tx| {
            let mine = rows::by_id(tx, id)?.filter(|password| password.account == account);
            let password = mine.ok_or_else(Problem::not_found)?;
            let ended = match password.expires_at {
                Some(at) if at <= stamp.now => Ended { at, why: WhyEnded::Expired },
                _ => Ended { at: stamp.now, why: WhyEnded::Revoked },
            };
            if !rows::end(tx, id, ended)? {
                return Ok((password, false));
            }
            let what = What::AppPasswordEnded { id, label: password.label.as_str().into(), why: ended.why };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            Ok::<_, Problem>((AppPassword { ended: Some(ended), ..password }, true))
        })
        .await?;
    // What had ended before has nothing open that ends by this.
    Ok((password, if ended { open } else { Open::default() }))
}

/// What those of the person's live app-specific passwords that `is_one` says have open, or may have.
///
/// # Errors
/// As the database has them.
pub fn open(app: &App, person: &Oneself, is_one: impl Fn(&AppPassword) -> bool) -> Result<Open, Problem> {
    let live = app.store.read(|conn| rows::not_ended(conn, person.account()))?;
    let those: Vec<_> = live.iter().filter(|password| is_one(password)).collect();
    Open::of(app, person.account(), &those)
}

/// Revokes all for good, and tells how many that were and what they had open.
///
/// # Errors
/// As the database has them.
pub async fn revoke_all(app: &App, ctx: &Ctx, person: &Oneself) -> Result<(u64, Open), Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account(), person.actor());
    let open = open(app, person, |_| true)?;
    let revoked = app
        .store
        .write(move |tx| end_app_passwords(tx, &stamp, actor, account, WhyEnded::RevokedAll))
        .await?;
    Ok((revoked, open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_days_weeks_or_years_from_now() {
        let now = Timestamp::from_millis(1_777_777_777_000);
        for (typed, days) in [("30d", 30), (" 12w ", 84), ("1y", 365), ("10y", 3650)] {
            assert_eq!(expiry(typed, now), Ok(Some(now.plus_days(days))), "{typed}");
        }
        assert_eq!(expiry("", now), Ok(None));
        assert_eq!(expiry("never", now), Ok(None));
        for wrong in
            ["0d", "-1d", "d", "1", "11y", "90 d", "99999999999999999999d", "1ä", "9223372036854775807y"]
        {
            assert_eq!(expiry(wrong, now).unwrap_err().field, Some("expires"), "{wrong}");
        }
    }
}
