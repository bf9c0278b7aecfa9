//! People as administrators see them: a list in the order of their IDs, and what is found by the beginning of an ID, an alias or a
//! word of a name.

use domain::{AccountId, AccountName, DisplayName, GroupName, Timestamp, fold};

use crate::{
    accounts::{self, State},
    db::{Conn, DbError, Row, Value},
    groups, row, statements,
};

/// An account, with what its person has.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account's id.
    pub id: AccountId,
    /// The person's ID, canonical.
    pub name: AccountName,
    /// Other names that sign them in.
    pub aliases: Vec<AccountName>,
    /// The groups that they are in, by name.
    pub groups: Vec<GroupName>,
    /// What they are called.
    pub display_name: DisplayName,
    /// Whether they administer this server.
    pub administrator: bool,
    /// Whether the account may be used.
    pub state: State,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub signed_in_at: Option<Timestamp>,
    /// Since when two-factor authentication is on.
    pub two_factor_since: Option<Timestamp>,
    /// How many app-specific passwords work.
    pub app_passwords: usize,
    /// Until when the account's one-time link works; nothing when it has none that does.
    pub link_expires_at: Option<Timestamp>,
    /// When a mail to them was given up last.
    pub mail_given_up_at: Option<Timestamp>,
}

/// The last of those that were found, and what it was found by: from there the next page goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it was found by.
    pub word: Vec<u8>,
    /// The account.
    pub account: AccountId,
}

/// How many words of a name it is found by. Names have few, and each costs a row.
const WORDS: usize = 8;

statements! {
    DELETE_WORDS = "DELETE FROM account_words WHERE account_id = $1";
    INSERT_WORD = "INSERT INTO account_words (word, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    WITHOUT_WORDS = "SELECT account_id FROM account_words WHERE word = '' ORDER BY account_id LIMIT $1";
    LIST = "SELECT a.id, a.name, a.display_name, a.administrator, a.state, a.created_at, a.signed_in_at, t.confirmed_at,
            (SELECT COUNT(*) FROM app_passwords p
                WHERE p.account_id = a.id AND p.ended_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > $2)),
            (SELECT MAX(l.expires_at) FROM links l WHERE l.account_id = a.id AND l.expires_at > $2),
            (SELECT MAX(m.given_up_at) FROM mails m WHERE m.account_id = a.id)
        FROM accounts a LEFT JOIN totp t ON t.account_id = a.id
        WHERE a.name > $1 ORDER BY a.name LIMIT $3";
    ONE = "SELECT a.id, a.name, a.display_name, a.administrator, a.state, a.created_at, a.signed_in_at, t.confirmed_at,
            (SELECT COUNT(*) FROM app_passwords p
                WHERE p.account_id = a.id AND p.ended_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > $2)),
            (SELECT MAX(l.expires_at) FROM links l WHERE l.account_id = a.id AND l.expires_at > $2),
            (SELECT MAX(m.given_up_at) FROM mails m WHERE m.account_id = a.id)
        FROM accounts a LEFT JOIN totp t ON t.account_id = a.id
        WHERE a.id = $1";
    FIND = "SELECT w.word, w.account_id FROM account_words w
        WHERE w.word >= $3 AND w.word < $2 AND (w.word > $3 OR w.account_id > $4)
            AND NOT EXISTS (SELECT 1 FROM account_words e
                WHERE e.account_id = w.account_id AND e.word >= $1 AND e.word < w.word)
        ORDER BY w.word, w.account_id LIMIT $5";
}

/// At most `limit` people in the order of their IDs, those after the ID `after`.
///
/// # Errors
/// As the database has them.
pub fn list(conn: &mut Conn, after: &str, now: Timestamp, limit: i64) -> Result<Vec<Person>, DbError> {
    let rows = conn.query(&LIST, &[after.into(), now.millis().into(), limit.into()])?;
    rows.iter().map(|row| read(conn, row)).collect()
}

/// The person of this id.
///
/// # Errors
/// As the database has them.
pub fn one(conn: &mut Conn, id: AccountId, now: Timestamp) -> Result<Option<Person>, DbError> {
    let row = conn.query_one(&ONE, &[id.to_string().into(), now.millis().into()])?;
    row.map(|row| read(conn, &row)).transpose()
}

/// At most `limit` people who are found by something that begins so, in its order, those after `after`; each once, and with what
/// each was found by.
///
/// # Errors
/// As the database has them.
pub fn find(
    conn: &mut Conn,
    begins: &str,
    after: Option<&Found>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(Person, Found)>, DbError> {
    let first = fold(begins).into_bytes();
    // No byte of a text is this one.
    let end = [first.as_slice(), &[0xff]].concat();
    let (word, id) = match after {
        Some(found) => (found.word.clone(), found.account.to_string()),
        None => (first.clone(), String::new()),
    };
    let params: [Value; 5] = [first.into(), end.into(), word.into(), id.into(), limit.into()];
    let mut people = Vec::new();
    for row in conn.query(&FIND, &params)? {
        let found = Found { word: row.bytes(0)?.to_vec(), account: row::parsed(&row, 1)? };
        if let Some(person) = one(conn, found.account, now)? {
            people.push((person, found));
        }
    }
    Ok(people)
}

/// Writes down what an account is found by, in place of what it was: its names, and its person's name from each word on.
pub(crate) fn put_words(
    conn: &mut Conn,
    id: AccountId,
    names: &[&AccountName],
    display_name: &DisplayName,
) -> Result<(), DbError> {
    conn.execute(&DELETE_WORDS, &[id.to_string().into()])?;
    insert_words(conn, &words(id, names, display_name))
}

/// A row for each thing that an account is found by.
pub(crate) fn words(id: AccountId, names: &[&AccountName], display_name: &DisplayName) -> Vec<[Value; 2]> {
    let called = fold(display_name.as_str());
    let begins = called.char_indices().scan(' ', |before, (at, c)| {
        let begins = before.is_whitespace() && !c.is_whitespace();
        *before = c;
        Some(begins.then_some(at))
    });
    let words = begins.flatten().take(WORDS).filter_map(|at| called.get(at..));
    let all = names.iter().map(|name| name.as_str()).chain(words);
    all.map(|word| [word.as_bytes().into(), id.to_string().into()]).collect()
}

/// Writes down what new accounts are found by.
pub(crate) fn insert_words(conn: &mut Conn, words: &[[Value; 2]]) -> Result<(), DbError> {
    conn.execute_all(&INSERT_WORD, words).map(drop)
}

/// Writes down what at most `limit` accounts are found by, from before that was written down. False when there are no more.
///
/// # Errors
/// As the database has them.
pub fn fill_words(conn: &mut Conn, limit: i64) -> Result<bool, DbError> {
    let without = conn.query(&WITHOUT_WORDS, &[limit.into()])?;
    for row in &without {
        accounts::put_words(conn, row::parsed(row, 0)?)?;
    }
    Ok(!without.is_empty())
}

fn read(conn: &mut Conn, row: &Row) -> Result<Person, DbError> {
    let (id, name) = (row::parsed(row, 0)?, accounts::name(row, 1)?);
    let aliases = accounts::names(conn, id)?.into_iter().filter(|alias| *alias != name).collect();
    Ok(Person {
        id,
        name,
        aliases,
        groups: groups::of_account(conn, id)?.into_iter().map(|group| group.name).collect(),
        display_name: accounts::display_name(row, 2)?,
        administrator: row::flag(row, 3)?,
        state: State::from_code(row.text(4)?)?,
        created_at: row::time(row, 5)?,
        signed_in_at: row::opt_time(row, 6)?,
        two_factor_since: row::opt_time(row, 7)?,
        app_passwords: usize::try_from(row.int(8)?).map_err(|_| row::corrupt("app_passwords"))?,
        link_expires_at: row::opt_time(row, 9)?,
        mail_given_up_at: row::opt_time(row, 10)?,
    })
}
