//! Whether everything that is stored can be read, and agrees. What is wrong is told, and nothing is mended.
//!
//! `COLUMNS` says of each column what it holds. A column that a migration adds has to be added there; a test says so.

use std::str::FromStr;

use domain::{
    AccountId, AccountName, AppPasswordId, BrowserId, BuildId, Ci, ConnectionId, ConnectionKind,
    ConnectionState, DisplayName, Given, GroupId, GroupName, HostName, Initiator, InvitationId, IssuerId,
    KindSet, Label, LinkId, MailId, Opens, ProjectId, ProjectName, ProjectTokenId, Proof, PublicServer,
    RecoveryCodeId, RequestId, Role, RuleId, RuleTerms, Scope, ServiceId, ServiceName, SessionId, SignOutId,
    SignOutKind, SignOutWay, SigningKeyId, Sort, TokenId, What, WhyBuildEnded, WhyEnded,
};

use crate::{
    Table, accounts, copy,
    db::{Conn, DbError, Row, Statement, Value},
    row, statements,
};

/// Something that isn't as any version of Doorkey writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: String,
    /// What its row is found by; nothing when it is about the table.
    pub row: Option<String>,
    /// What is wrong, as the end of a sentence about the row.
    pub what: String,
}

/// What a column holds.
struct Column {
    name: &'static str,
    may_be_null: bool,
    reads: fn(&Value) -> bool,
}

macro_rules! columns {
    (@null) => { false };
    (@null or_null) => { true };
    ($($table:ident { $($column:ident: $reads:expr $(, $null:ident)?;)+ })+) => {
        &[$((stringify!($table), &[$(
            Column { name: stringify!($column), may_be_null: columns!(@null $($null)?), reads: $reads }
        ),+])),+]
    };
}

/// Every column of every table.
static COLUMNS: &[(&str, &[Column])] = columns! {
    keys {
        id: number;
        purpose: |value| matches!(value, Value::Text(text) if ["seal", "fingerprint"].contains(&text.as_str()));
        wrapped: bytes;
        created_at: time;
    }
    event_counter {
        epoch: number;
        last_number: number;
        sign_outs_read: number;
    }
    events {
        number: number;
        at: time;
        account_id: id::<AccountId>, or_null;
        actor: |value| id::<AccountId>(value) || is_one_of(value, &["machine", "doorkey"]);
        source: text, or_null;
        request: id::<RequestId>;
        what: |value| matches!(value, Value::Text(text) if serde_json::from_str::<What>(text).is_ok());
        kind: text;
        sort: |value| matches!(value, Value::Text(text) if Sort::from_code(text).is_some());
        service: text, or_null;
        token: text, or_null;
        project: id::<ProjectId>, or_null;
        connection: id::<ConnectionId>, or_null;
    }
    hand_outs {
        event: number;
        build_id: id::<BuildId>;
        connection_id: id::<ConnectionId>;
        given: |value| matches!(value, Value::Text(text) if Given::from_code(text).is_some());
        source: text, or_null;
        at: time;
        repeats: number;
        last_at: time;
    }
    connections {
        id: id::<ConnectionId>;
        account_id: id::<AccountId>;
        kind: connection_kind;
        name: text;
        state: |value| matches!(value, Value::Text(text) if ConnectionState::from_code(text).is_some());
        created_at: time;
        checked_at: time;
        answer: text, or_null;
    }
    api_keys {
        connection_id: id::<ConnectionId>;
        key_id: text;
        issuer_id: text, or_null;
        enterprise: flag;
        can: text;
        private_sealed: bytes;
    }
    projects {
        id: id::<ProjectId>;
        name: |value| matches!(value, Value::Text(text) if ProjectName::parse(text).is_ok());
        folded: text;
        build_minutes: number;
        created_at: time;
    }
    project_members {
        project_id: id::<ProjectId>;
        account_id: id::<AccountId>;
        role: |value| matches!(value, Value::Text(text) if Role::from_code(text).is_some());
        joined_at: time;
    }
    project_invitations {
        id: id::<InvitationId>;
        project_id: id::<ProjectId>;
        invited: account_name;
        role: |value| matches!(value, Value::Text(text) if Role::from_code(text).is_some());
        token_hash: hash;
        made_by: id::<AccountId>;
        created_at: time;
        expires_at: time;
    }
    connection_offers {
        connection_id: id::<ConnectionId>;
        project_id: id::<ProjectId>;
        offered_at: time;
    }
    connection_uses {
        project_id: id::<ProjectId>;
        kind: connection_kind;
        connection_id: id::<ConnectionId>;
        chosen_at: time;
    }
    builds {
        id: id::<BuildId>;
        project_id: id::<ProjectId>;
        token_hash: hash;
        opened_at: time;
        ends_at: time;
        ended_at: time, or_null;
        why_ended: |value| matches!(value, Value::Text(text) if WhyBuildEnded::from_code(text).is_some()), or_null;
        opened_by: |value| id::<ProjectTokenId>(value) || id::<RuleId>(value);
        proof: |value| matches!(value, Value::Text(text) if serde_json::from_str::<Proof>(text).is_ok());
        commit_id: text, or_null;
        reference: text, or_null;
        run: text, or_null;
        source: text, or_null;
    }
    issuers {
        id: id::<IssuerId>;
        name: text;
        preset: |value| matches!(value, Value::Text(text) if Ci::from_code(text).is_some());
        url: text;
        audience: text, or_null;
        claim: text, or_null;
        near: flag;
        created_at: time;
    }
    rules {
        id: id::<RuleId>;
        project_id: id::<ProjectId>;
        issuer_id: id::<IssuerId>;
        terms: |value| matches!(value, Value::Text(text) if serde_json::from_str::<RuleTerms>(text).is_ok());
        created_at: time;
    }
    project_tokens {
        id: id::<ProjectTokenId>;
        project_id: id::<ProjectId>;
        label: |value| matches!(value, Value::Text(text) if Label::parse(text).is_ok());
        made_by: id::<AccountId>;
        token_hash: hash;
        created_at: time;
        expires_at: time;
        last_used_at: time, or_null;
        last_used_source: text, or_null;
    }
    spent_identities {
        hash: hash;
        ends_at: time;
    }
    identities_from {
        place: number;
        issued_after: time;
    }
    accounts {
        id: id::<AccountId>;
        name: account_name;
        display_name: |value| matches!(value, Value::Text(text) if DisplayName::parse(text).is_ok());
        administrator: flag;
        state: |value| matches!(value, Value::Text(text) if accounts::State::from_code(text).is_ok());
        password_sealed: bytes;
        password_changed_at: time;
        created_at: time;
        signed_in_at: time, or_null;
    }
    account_names {
        name: account_name;
        account_id: id::<AccountId>;
    }
    account_words {
        word: |value| bytes(value) || is_one_of(value, &[""]);
        account_id: id::<AccountId>;
    }
    totp {
        account_id: id::<AccountId>;
        secret_sealed: bytes;
        created_at: time;
        confirmed_at: time, or_null;
        last_step: number;
        next_sealed: bytes, or_null;
        next_at: time, or_null;
    }
    recovery_codes {
        id: id::<RecoveryCodeId>;
        account_id: id::<AccountId>;
        hash_sealed: bytes;
        created_at: time;
    }
    mails {
        id: id::<MailId>;
        account_id: id::<AccountId>, or_null;
        about: text;
        recipient: text;
        letter_sealed: bytes;
        created_at: time;
        expires_at: time;
        attempts: number;
        next_at: time;
        answer: text, or_null;
        given_up_at: time, or_null;
    }
    notices_reached {
        epoch: number;
        number: number;
    }
    notices_lately {
        account_id: id::<AccountId>;
        began_at: time;
        sent: number;
        held: number;
    }
    sign_out_ways {
        service_id: id::<ServiceId>;
        way: |value| matches!(value, Value::Text(text) if SignOutWay::from_code(text).is_some());
        url: text;
        secret_sealed: bytes;
        set_at: time;
        done_at: time, or_null;
        failed_at: time, or_null;
        answer: text, or_null;
    }
    sign_outs {
        id: id::<SignOutId>;
        service_id: id::<ServiceId>;
        kind: |value| matches!(value, Value::Text(text) if SignOutKind::from_code(text).is_some());
        whose: id::<AccountId>;
        name: account_name;
        app_password: |value| is_one_of(value, &[""]) || id::<AppPasswordId>(value);
        label: text;
        event: number;
        request: id::<RequestId>;
        initiator: |value| matches!(value, Value::Text(text) if Initiator::from_code(text).is_some());
        happened_at: time;
        round: number;
        attempts: number;
        next_at: time;
    }
    signing_keys {
        id: id::<SigningKeyId>;
        private_sealed: bytes;
        created_at: time;
    }
    moves {
        id: id::<RequestId>;
        state: |value| is_one_of(value, &["arriving", "left"]);
        place: text;
        at: time;
    }
    tokens {
        id: id::<TokenId>;
        account_id: id::<AccountId>;
        label: |value| matches!(value, Value::Text(text) if Label::parse(text).is_ok());
        scopes: |value| matches!(value, Value::Text(text) if text.split(' ').all(|name| Scope::from_name(name).is_some()));
        token_hash: hash;
        created_at: time;
        expires_at: time;
        last_used_at: time, or_null;
        last_used_source: text, or_null;
    }
    budgets {
        bucket: text;
        failures: number;
        last_failed_at: time;
    }
    browsers {
        id: id::<BrowserId>;
        account_id: id::<AccountId>;
        token_hash: hash;
        agent: text;
        created_at: time;
        ends_at: time;
    }
    sessions {
        id: id::<SessionId>;
        account_id: id::<AccountId>;
        token_hash: hash;
        client: |value| is_one_of(value, &["browser", "command_line"]);
        code_wanted: flag;
        browser_id: id::<BrowserId>, or_null;
        agent: text;
        source: text;
        created_at: time;
        last_seen_at: time;
        fresh_at: time;
    }
    links {
        id: id::<LinkId>;
        token_hash: hash;
        purpose: |value| is_one_of(value, &["setup", "invite", "reset", "reset_both"]);
        account_id: id::<AccountId>, or_null;
        created_at: time;
        expires_at: time;
        made_by: id::<AccountId>, or_null;
    }
    services {
        id: id::<ServiceId>;
        name: service_name;
        kinds: |value| bits(value).and_then(KindSet::from_bits).is_some_and(|kinds| !kinds.is_empty());
        key_hash: hash;
        created_at: time;
        key_made_at: time;
    }
    service_servers {
        service_id: id::<ServiceId>;
        address: |value| matches!(value, Value::Text(text) if PublicServer::parse(text).is_ok());
    }
    service_domains {
        service_id: id::<ServiceId>;
        domain: |value| matches!(value, Value::Text(text) if HostName::parse(text).is_ok());
    }
    service_groups {
        service_id: id::<ServiceId>;
        group_id: id::<GroupId>;
    }
    groups {
        id: id::<GroupId>;
        name: |value| matches!(value, Value::Text(text) if GroupName::parse(text).is_ok());
        created_at: time;
    }
    group_members {
        group_id: id::<GroupId>;
        account_id: id::<AccountId>;
        joined_at: time;
    }
    app_passwords {
        id: id::<AppPasswordId>;
        account_id: id::<AccountId>;
        label: |value| matches!(value, Value::Text(text) if Label::parse(text).is_ok());
        opens: |value| bits(value).and_then(Opens::from_bits).is_some();
        fingerprint: hash;
        created_at: time;
        expires_at: time, or_null;
        ended_at: time, or_null;
        why_ended: |value| matches!(value, Value::Text(text) if WhyEnded::from_code(text).is_some()), or_null;
        last_used_at: time, or_null;
        last_used_service: service_name, or_null;
        last_used_source: text, or_null;
        tried_at: time, or_null;
        tried_service: service_name, or_null;
        tried_source: text, or_null;
    }
};

fn id<T: FromStr>(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.parse::<T>().is_ok())
}

fn text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    matches!(value, Value::Text(text) if words.contains(&text.as_str()))
}

fn account_name(value: &Value) -> bool {
    matches!(value, Value::Text(text) if AccountName::parse(text, "").is_ok_and(|name| name.as_str() == text))
}

fn service_name(value: &Value) -> bool {
    matches!(value, Value::Text(text) if ServiceName::parse(text).is_ok())
}

fn connection_kind(value: &Value) -> bool {
    matches!(value, Value::Text(text) if ConnectionKind::from_code(text).is_some())
}

fn number(value: &Value) -> bool {
    matches!(value, Value::Int(0..))
}

fn flag(value: &Value) -> bool {
    matches!(value, Value::Int(0 | 1))
}

/// Any number of milliseconds, from the year 1 to the year 9999.
fn time(value: &Value) -> bool {
    matches!(value, Value::Int(-62_135_596_800_000..=253_402_300_799_999))
}

fn bits(value: &Value) -> Option<u8> {
    match value {
        Value::Int(bits) => u8::try_from(*bits).ok(),
        _ => None,
    }
}

fn bytes(value: &Value) -> bool {
    matches!(value, Value::Bytes(_))
}

fn hash(value: &Value) -> bool {
    matches!(value, Value::Bytes(bytes) if bytes.len() == 32)
}

statements! {
    ID_IS_NO_NAME = "SELECT a.id FROM accounts a LEFT JOIN account_names n ON n.name = a.name AND n.account_id = a.id
        WHERE n.name IS NULL ORDER BY a.id";
    HALF_ENDED = "SELECT id FROM app_passwords
        WHERE (ended_at IS NULL AND why_ended IS NOT NULL) OR (ended_at IS NOT NULL AND why_ended IS NULL) ORDER BY id";
    HALF_USED = "SELECT id FROM app_passwords
        WHERE (last_used_at IS NOT NULL AND (last_used_service IS NULL OR last_used_source IS NULL))
            OR (tried_at IS NOT NULL AND (tried_service IS NULL OR tried_source IS NULL)) ORDER BY id";
    LINK_OF_NOBODY = "SELECT id FROM links
        WHERE (purpose = 'setup' AND account_id IS NOT NULL) OR (purpose <> 'setup' AND account_id IS NULL) ORDER BY id";
    OTHER_KIND = "SELECT number FROM events WHERE SUBSTR(what, 1, LENGTH(kind) + 10) <> '{\"what\":\"' || kind || '\"'
        ORDER BY number";
    GAP = "SELECT e.number FROM events e LEFT JOIN events n ON n.number = e.number + 1
        WHERE n.number IS NULL ORDER BY e.number LIMIT 2";
    FIRST = "SELECT MIN(number) FROM events";
    COUNTERS = "SELECT epoch, last_number FROM event_counter";
}

/// What must hold between the values of a row, or between rows: each statement finds those of which it doesn't.
static RULES: &[(&str, &Statement, &str)] = &[
    ("accounts", &ID_IS_NO_NAME, "has an ID that doesn't sign it in"),
    ("app_passwords", &HALF_ENDED, "has ended without a reason, or has a reason and hasn't ended"),
    ("app_passwords", &HALF_USED, "was used, or tried, nowhere"),
    ("links", &LINK_OF_NOBODY, "is for nobody, or for somebody where it should be for nobody"),
    ("events", &OTHER_KIND, "tells something else than it is filed under"),
];

/// Whether each row of this table can be read; how many there are.
///
/// # Errors
/// As the database has them: then what it has is wrong in a way of its own.
pub fn rows(conn: &mut Conn, table: &Table, found: &mut dyn FnMut(Finding)) -> Result<u64, DbError> {
    let known =
        COLUMNS.iter().find(|(name, _)| *name == table.name()).map_or(&[][..], |(_, columns)| columns);
    let mut count = 0;
    copy::for_each_row(conn, table, |row| {
        count += 1;
        for (column, value) in table.columns().iter().zip(row.values()) {
            let Some(rule) = known.iter().find(|rule| rule.name == column.name) else { continue };
            if !(matches!(value, Value::Null) && rule.may_be_null || (rule.reads)(value)) {
                let what = format!("holds in {} what no version of Doorkey writes", column.name);
                found(Finding { table: table.name().to_owned(), row: key(row), what });
            }
        }
        Ok::<_, DbError>(())
    })?;
    Ok(count)
}

/// What a row is found by.
fn key(row: &Row) -> Option<String> {
    match row.values().first()? {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bytes(_) | Value::Null => None,
    }
}

/// Whether the values of each row, and rows among each other, agree.
///
/// # Errors
/// As the database has them.
pub fn rules(conn: &mut Conn, found: &mut dyn FnMut(Finding)) -> Result<(), DbError> {
    for (table, statement, what) in RULES {
        conn.for_each(statement, &[], &mut |row| {
            found(Finding { table: (*table).into(), row: key(row), what: (*what).into() });
            Ok::<_, DbError>(())
        })?;
    }
    Ok(())
}

/// Whether the log's numbers run from 1 to the counter without a gap.
///
/// # Errors
/// As the database has them.
pub fn log(conn: &mut Conn, found: &mut dyn FnMut(Finding)) -> Result<(), DbError> {
    let mut tell = |table: &str, row: Option<i64>, what: String| {
        found(Finding { table: table.into(), row: row.map(|number| number.to_string()), what });
    };
    let first = conn.query_one(&FIRST, &[])?.ok_or_else(|| row::corrupt("events"))?.opt_int(0)?;
    let ends: Vec<i64> = conn.query(&GAP, &[])?.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?;
    if let Some(first) = first.filter(|first| *first != 1) {
        tell("events", Some(first), "is the first, and the log begins with 1".into());
    }
    if let [gap, _] = ends[..] {
        tell("events", Some(gap), "is followed by a gap in the log".into());
    }
    let last: i64 = match &ends[..] {
        [] => 0,
        [last] => *last,
        _ => return Ok(()),
    };
    let counters = conn.query(&COUNTERS, &[])?;
    match &counters[..] {
        [one] if one.int(1)? == last => {}
        [one] => {
            let number = one.int(1)?;
            tell("event_counter", None, format!("says that the last event is {number}, and it is {last}"));
        }
        _ => tell("event_counter", None, format!("has {} rows, and must have one", counters.len())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn every_column_of_the_schema_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&folder.path().join("doorkey.db"), |_| ()).unwrap();
        let mut schema: Vec<_> = store
            .tables()
            .unwrap()
            .iter()
            .flat_map(|t| t.columns().iter().map(|c| format!("{}.{}", t.name(), c.name)).collect::<Vec<_>>())
            .collect();
        let mut here: Vec<_> = COLUMNS
            .iter()
            .flat_map(|(table, columns)| columns.iter().map(move |c| format!("{table}.{}", c.name)))
            .collect();
        schema.sort();
        here.sort();
        assert_eq!(here, schema, "crates/store/src/check.rs: COLUMNS has to say what each column holds");
    }
}
