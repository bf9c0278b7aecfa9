use std::collections::BTreeSet;

use domain::{AccountId, AppPasswordId, GroupId, Kind, RequestId, Scope, ServiceId, Timestamp, TokenId};
use serde_json::Value;

use super::*;

const ADA: AccountId = AccountId::from_bytes([1; 16]);
const GRACE: AccountId = AccountId::from_bytes([2; 16]);

fn event(what: What, actor: Actor) -> Event {
    let account = (what.sort() != Sort::Administration).then_some(ADA);
    Event {
        number: 1,
        at: Timestamp::from_millis(1_777_777_777_000),
        account,
        actor,
        source: Some("203.0.113.9".into()),
        request: RequestId::from_bytes([3; 16]),
        token: None,
        what,
    }
}

/// One of each that can happen, and of each reason; the test below says which is missing.
fn all() -> Vec<What> {
    let (id, service, label) =
        (AppPasswordId::from_bytes([4; 16]), "calendar".to_owned(), "Phone".to_owned());
    let (kinds, name): (KindSet, _) = ([Kind::Calendars].into_iter().collect(), "ada@example.org".to_owned());
    let group = GroupId::from_bytes([6; 16]);
    let (svc, expires_at) = (ServiceId::from_bytes([5; 16]), Timestamp::from_millis(1_777_777_777_000));
    let mut all = vec![
        What::AccountAdded { name: name.clone(), administrator: true },
        What::AccountAdded { name, administrator: false },
        What::AccountInvited { name: "ada@example.org".into(), administrator: false, expires_at },
        What::InviteLinkMade { expires_at },
        What::InvitationAccepted,
        What::AccountSignedOut,
        What::EverybodySignedOut { count: 2 },
        What::AccountSuspended,
        What::AccountResumed,
        What::AccountRemoved { name: "ada@example.org".into() },
        What::AccountRenamed { display_name: "Ada".into() },
        What::AdministratorMade,
        What::AdministratorUnmade,
        What::AliasAdded { alias: "countess@example.org".into() },
        What::AliasRemoved { alias: "countess@example.org".into() },
        What::SignedIn { agent: "Firefox on Linux".into(), trusted_browser: true },
        What::SignedIn { agent: String::new(), trusted_browser: false },
        What::SignedOut,
        What::OthersSignedOut { count: 1 },
        What::SessionEnded { agent: "Safari on iPhone".into() },
        What::SessionEnded { agent: String::new() },
        What::BrowserTrusted { agent: "Firefox on Linux".into(), ends_at: expires_at },
        What::BrowserForgotten { agent: "Firefox on Linux".into() },
        What::BrowsersForgotten { count: 1 },
        What::BrowsersForgotten { count: 2 },
        What::TwoFactorMoved,
        What::RecoveryCodesMade,
        What::RecoveryCodeUsed { left: 1 },
        What::RecoveryCodeUsed { left: 6 },
        What::TokenMade {
            id: TokenId::from_bytes([7; 16]),
            label: "CI".into(),
            scopes: vec![Scope::Read, Scope::People],
            expires_at,
        },
        What::TokenRevoked { id: TokenId::from_bytes([7; 16]), label: "CI".into() },
        What::TokensRevoked { count: 1 },
        What::TokensRevoked { count: 3 },
        What::SignInBlocked,
        What::PasswordChanged { revoked: 2 },
        What::ResetLinkMade { expires_at, lost_second_factor: false },
        What::ResetLinkMade { expires_at, lost_second_factor: true },
        What::PasswordReset { revoked: 0 },
        What::TwoFactorOn,
        What::TwoFactorOff { revoked: 1 },
        What::AppPasswordGenerated { id, label: label.clone(), kinds, expires_at: None },
        What::AppPasswordGenerated { id, label: label.clone(), kinds: KindSet::NONE, expires_at: None },
        What::AppPasswordBound { id, label: label.clone(), kinds, service: service.clone() },
        What::AppPasswordFirstUsed { id, label: label.clone(), service: service.clone() },
        What::AppPasswordTriedAfterEnd { id, label: label.clone(), service: service.clone() },
        What::ServiceAdded { id: svc, name: service.clone(), kinds, groups: Vec::new() },
        What::ServiceChanged { id: svc, name: service.clone(), kinds, groups: vec!["staff".into()] },
        What::ServiceSetUpChanged {
            id: svc,
            name: service.clone(),
            servers: vec!["caldavs://dav.example.org:443/".into()],
            domains: vec!["example.org".into()],
        },
        What::ServiceSetUpChanged {
            id: svc,
            name: service.clone(),
            servers: Vec::new(),
            domains: Vec::new(),
        },
        What::GroupAdded { id: group, name: "staff".into() },
        What::GroupRemoved { id: group, name: "staff".into() },
        What::GroupJoined { id: group, name: "staff".into() },
        What::GroupLeft { id: group, name: "staff".into() },
        What::MailFailed { about: "invitation".into(), status: Some(550) },
        What::MailFailed { about: "reset link".into(), status: None },
        What::ServiceSignOutSet { id: svc, name: service.clone(), way: None },
        What::ServiceSignOutSet { id: svc, name: service.clone(), way: Some(SignOutWay::DovecotUser) },
        What::ServiceSignOutSet { id: svc, name: service.clone(), way: Some(SignOutWay::DovecotAppPassword) },
        What::ServiceSignOutSet { id: svc, name: service.clone(), way: Some(SignOutWay::Webhook) },
        What::ServiceKeyReplaced { id: svc, name: service.clone() },
        What::ServiceRemoved { id: svc, name: service.clone() },
        What::KeyRotated { data_key: 3 },
        What::MoreRefused { count: 312 },
        What::Restored {
            backup_made_at: Timestamp::from_millis(1_777_777_777_000),
            backup_version: "0.1.0".into(),
            backup_event: 7,
            app_passwords_kept: true,
        },
        What::Moved { from: "sqlite:/data/doorkey.db".into(), to: "postgres://***@db/doorkey".into() },
        What::MoveUndone {
            to: "postgres://***@db/doorkey".into(),
            moved_at: Timestamp::from_millis(1_777_777_777_000),
            app_passwords_kept: false,
        },
    ];
    all.extend(builds::tests::all());
    for way in SignOutWay::ALL {
        for label in [None, Some(label.clone())] {
            all.push(What::SignedOutAt { service: service.clone(), label: label.clone(), way });
            all.push(What::SignOutFailed { service: service.clone(), label, way });
        }
    }
    all.extend(WhyEnded::ALL.map(|why| What::AppPasswordEnded { id, label: label.clone(), why }));
    for reason in RefusalReason::ALL {
        all.push(What::Refused { service: service.clone(), reason, count: 1 });
        all.push(What::Refused { service: service.clone(), reason, count: 3 });
        all.push(What::SignInRefused { reason, count: 1 });
        all.push(What::SignInRefused { reason, count: 5 });
    }
    all
}

fn kind(what: &What) -> String {
    serde_json::to_value(what).unwrap()["what"].as_str().unwrap().to_owned()
}

#[test]
fn every_event_has_a_sentence_for_its_person_and_for_an_administrator() {
    for what in all() {
        for actor in [Actor::Account(ADA), Actor::Account(GRACE), Actor::Machine, Actor::Doorkey] {
            let event = event(what.clone(), actor);
            let person = to_person(&event);
            let administrator = to_administrator(&event, "grace@example.org", "ada@example.org");
            for told in [&person, &administrator] {
                assert!(told.ends_with('.') && !told.contains("  ") && !told.contains(" ."), "{told}");
                // It begins with a capital, a number, a label, or somebody's ID.
                let first = told.chars().next().unwrap();
                let id = told.starts_with("ada@") || told.starts_with("grace@");
                assert!(first.is_uppercase() || first.is_ascii_digit() || first == '“' || id, "{told}");
                // What programs read is no word of ours.
                assert!(!told.contains('_'), "{told}");
            }
            let words: Vec<_> = administrator.split(|c: char| !c.is_alphabetic()).collect();
            assert!(
                !words.iter().any(|word| ["You", "you", "your", "Your", "yours"].contains(word)),
                "{administrator}"
            );
        }
    }
}

#[test]
fn no_event_is_forgotten_here() {
    // The reader of events says which there are.
    let error = serde_json::from_str::<What>(r#"{"what":"?"}"#).unwrap_err().to_string();
    let known: BTreeSet<_> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(known.contains("signed_in") && known.contains("more_refused"), "{error}");
    let here: BTreeSet<_> = all().iter().map(kind).collect();
    assert_eq!(here, known, "add one of each new event to `all`");
}

#[test]
fn an_event_stands_in_the_log_under_names_of_its_own() {
    for what in all() {
        let Value::Object(fields) = serde_json::to_value(&what).unwrap() else { panic!() };
        for taken in ["number", "at", "account", "actor", "source", "request", "sentence", "advice", "sort"] {
            assert!(!fields.contains_key(taken), "{taken} of {}", kind(&what));
        }
        let text = serde_json::to_string(&what).unwrap();
        assert!(text.starts_with(&format!("{{\"what\":\"{}\"", kind(&what))), "{text}");
        // What it is filtered by is what it tells.
        let told =
            fields.get("service").or_else(|| kind(&what).starts_with("service_").then(|| &fields["name"]));
        assert_eq!(what.service(), told.and_then(Value::as_str), "{text}");
    }
}

#[test]
fn they_read_well() {
    let told = |what: &What, actor| {
        let event = event(what.clone(), actor);
        [
            to_person(&event),
            to_administrator(
                &event,
                if actor == Actor::Account(ADA) { "ada@example.org" } else { "grace@example.org" },
                "ada@example.org",
            ),
        ]
    };
    let (own, admin, doorkey) = (Actor::Account(ADA), Actor::Account(GRACE), Actor::Doorkey);
    let link = What::ResetLinkMade { expires_at: Timestamp::from_millis(0), lost_second_factor: false };
    let revoked = What::AppPasswordEnded {
        id: AppPasswordId::from_bytes([4; 16]),
        label: "Phone".into(),
        why: WhyEnded::Revoked,
    };
    let wrong = |count| What::SignInRefused { reason: RefusalReason::WrongPassword, count };
    let late = What::SignInRefused { reason: RefusalReason::TooManyAttempts, count: 12 };
    let door = What::Refused { service: "calendar".into(), reason: RefusalReason::WrongPassword, count: 3 };
    for (what, actor, person, administrator) in [
        (
            What::PasswordChanged { revoked: 1 },
            own,
            "You changed your password. 1 app-specific password was revoked.",
            "ada@example.org changed their password. 1 app-specific password was revoked.",
        ),
        (
            link,
            admin,
            "An administrator made a link to reset your password.",
            "grace@example.org made a link to reset ada@example.org's password.",
        ),
        (revoked.clone(), own, "You revoked “Phone”.", "ada@example.org revoked “Phone”."),
        (
            revoked,
            admin,
            "An administrator revoked “Phone”.",
            "grace@example.org revoked “Phone” of ada@example.org.",
        ),
        (
            What::PasswordReset { revoked: 0 },
            doorkey,
            "Your password was reset by a link.",
            "ada@example.org's password was reset by a link.",
        ),
        (
            wrong(5),
            doorkey,
            "5 wrong passwords were entered for your account.",
            "5 wrong passwords were entered for ada@example.org's account.",
        ),
        (
            late,
            doorkey,
            "12 sign-ins to your account were not looked at, after too many that were wrong.",
            "12 sign-ins to ada@example.org's account were not looked at, after too many that were wrong.",
        ),
        (
            door,
            doorkey,
            "At calendar, 3 sign-ins were refused with a wrong password.",
            "At calendar, 3 sign-ins of ada@example.org were refused with a wrong password.",
        ),
        (
            What::MoreRefused { count: 312 },
            doorkey,
            "And 312 more sign-ins were refused.",
            "And 312 more sign-ins of ada@example.org were refused.",
        ),
    ] {
        assert_eq!(told(&what, actor), [person, administrator]);
    }
}

#[test]
fn what_looks_like_somebody_else_says_what_to_do() {
    for what in all() {
        let advised = advice(&what);
        // Whoever is put into a group can't have been a stranger.
        let by_others = matches!(what, What::GroupJoined { .. } | What::GroupLeft { .. });
        let wanted = what.sort() == Sort::Security && !by_others
            || matches!(what, What::SignedIn { .. } | What::SignInRefused { .. });
        assert!(!wanted || advised.is_some_and(|advice| advice.answer.ends_with('.')), "{what:?}");
    }
}
