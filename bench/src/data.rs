//! Data to measure with: any number of accounts, each with one app-specific password, and one account with 25.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    AccountId, AccountName, AppPassword, AppPasswordId, AppPasswordSecret, DisplayName, Kind, KindSet, Label,
    MachineToken, Opens, Rng, ServiceId, ServiceName, Timestamp, TokenKind,
};
use doorkey::{
    config::{self, Config},
    serve,
};
use sha1::{Digest as _, Sha1};
use store::{DbError, accounts, app_passwords, services};

/// Who can sign in, and how.
pub struct Sample {
    /// The service's key.
    pub key: String,
    /// An ID and its one password, for some of the accounts.
    pub people: Vec<(String, String)>,
    /// The ID that has 25 passwords, and the last of them.
    pub with_25: (String, String),
}

impl Sample {
    /// Names, and their passwords as peers keep them: {SSHA}.
    pub fn hashed(&self) -> impl Iterator<Item = (&str, String)> {
        self.people.iter().chain([&self.with_25]).map(|(name, secret)| {
            let salt = [7_u8; 8];
            let hash = Sha1::new().chain_update(secret).chain_update(salt).finalize();
            (name.as_str(), format!("{{SSHA}}{}", STANDARD.encode([&hash[..], &salt].concat())))
        })
    }

    /// Names and secrets to sign in with: of those who have one password, or of the one who has 25; right, or wrong.
    pub fn sign_ins(&self, passwords: usize, right: bool) -> impl Iterator<Item = (&str, &str)> {
        let people = if passwords == 1 { &self.people[..] } else { std::slice::from_ref(&self.with_25) };
        let wrong = "wron-gwro-ngwr-ongw-rong-wron";
        people.iter().map(move |(name, secret)| (name.as_str(), if right { secret.as_str() } else { wrong }))
    }
}

/// A configuration for data in this folder, and nothing else set.
pub fn config(data: &Path) -> Config {
    config::load(None, std::iter::empty(), config::Overrides { data: Some(data.to_owned()) }).unwrap()
}

/// Fills a new folder. Accounts' own passwords are left out: nobody signs in to the pages here.
pub fn fill(data: &Path, count: usize) -> Sample {
    let (_, opened) = serve::open(config(data)).unwrap();
    let (app, mut rng, now) = (&opened.app, Rng::from_seed([7; 32]), opened.app.clock.now());
    let key = MachineToken::generate(TokenKind::ServiceKey, &mut rng);
    let service = services::Service {
        id: ServiceId::new(now, &mut rng),
        name: ServiceName::parse("calendar").unwrap(),
        kinds: [Kind::Calendars].into_iter().collect(),
        key_hash: doorkey::secrets::hash(key.expose()),
        created_at: now,
        key_made_at: now,
    };
    app.store.write_blocking(move |tx| services::insert(tx, &service)).unwrap();

    let (mut people, mut with_25) = (Vec::new(), None);
    let mut numbers = 0..count;
    loop {
        let mut rows = Vec::new();
        for number in numbers.by_ref().take(5_000) {
            let account = account(number, now, &mut rng);
            let mut last = String::new();
            let mut passwords = Vec::new();
            for _ in 0..if number == 0 { 25 } else { 1 } {
                let secret = AppPasswordSecret::generate(&mut rng);
                last = secret.shown().expose().clone();
                let fingerprint = app.keyring.app_password_fingerprint(account.id, secret.letters());
                passwords.push((password(account.id, now, &mut rng), fingerprint));
            }
            let signs_in = (account.name.to_string(), last);
            if number == 0 {
                with_25 = Some(signs_in);
            } else if people.len() < 10_000 {
                people.push(signs_in);
            }
            rows.push((account, passwords));
        }
        if rows.is_empty() {
            break;
        }
        app.store
            .write_blocking(move |tx| {
                for (account, passwords) in &rows {
                    accounts::insert(tx, account)?;
                    for (password, fingerprint) in passwords {
                        app_passwords::insert(tx, password, fingerprint)?;
                    }
                }
                Ok::<_, DbError>(())
            })
            .unwrap();
    }
    app.store.close();
    Sample { key: key.expose().to_owned(), people, with_25: with_25.unwrap() }
}

fn account(number: usize, now: Timestamp, rng: &mut Rng) -> accounts::Account {
    accounts::Account {
        id: AccountId::new(now, rng),
        name: AccountName::parse(&format!("u{number}@example.org"), "").unwrap(),
        display_name: DisplayName::parse(&format!("Person {number}")).unwrap(),
        administrator: number == 0,
        state: accounts::State::Active,
        password_sealed: vec![0],
        password_changed_at: now,
        created_at: now,
        signed_in_at: None,
    }
}

fn password(account: AccountId, now: Timestamp, rng: &mut Rng) -> AppPassword {
    let kinds: KindSet = [Kind::Calendars].into_iter().collect();
    AppPassword {
        id: AppPasswordId::new(now, rng),
        account,
        label: Label::parse("Calendar").unwrap(),
        opens: Opens::Kinds(kinds),
        created_at: now,
        expires_at: None,
        ended: None,
        last_use: None,
        tried_after_end: None,
    }
}
