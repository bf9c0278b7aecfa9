//! Mails that wait to be sent, and those that were given up.

use domain::{AccountId, MailId, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// A row of `mails`.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// Whose account it is about, if it is about one.
    pub account: Option<AccountId>,
    /// What it is, in a word: a newer one takes the place of an older one for the same account.
    pub about: String,
    /// The address.
    pub recipient: String,
    /// What it says, sealed; empty once it was given up.
    pub letter_sealed: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
    /// Until when there is a point in sending it.
    pub expires_at: Timestamp,
    /// How often it has been tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// What stood in the way the last time, in words.
    pub answer: Option<String>,
    /// When it was given up.
    pub given_up_at: Option<Timestamp>,
}

statements! {
    INSERT = "INSERT INTO mails
            (id, account_id, about, recipient, letter_sealed, created_at, expires_at, attempts, next_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $6)";
    DUE = "SELECT id, account_id, about, recipient, letter_sealed, created_at, expires_at, attempts, next_at, answer,
            given_up_at
        FROM mails WHERE given_up_at IS NULL AND next_at <= $1 ORDER BY next_at, id LIMIT $2";
    OF_ACCOUNT = "SELECT id, account_id, about, recipient, letter_sealed, created_at, expires_at, attempts, next_at, answer,
            given_up_at
        FROM mails WHERE account_id = $1 ORDER BY created_at DESC, id DESC";
    NEXT = "SELECT next_at FROM mails WHERE given_up_at IS NULL ORDER BY next_at LIMIT 1";
    POSTPONE = "UPDATE mails SET attempts = attempts + 1, next_at = $2, answer = $3 WHERE id = $1";
    GIVE_UP = "UPDATE mails SET given_up_at = $2, answer = $3, letter_sealed = $4 WHERE id = $1 AND given_up_at IS NULL";
    DELETE = "DELETE FROM mails WHERE id = $1";
    DELETE_ABOUT = "DELETE FROM mails WHERE account_id = $1 AND about = $2";
    DELETE_GIVEN_UP = "DELETE FROM mails WHERE given_up_at <= $1";
}

/// Adds a mail that is to be sent at once. Earlier ones to the same account about the same are taken back.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, mail: &Mail) -> Result<(), DbError> {
    if let Some(account) = mail.account {
        conn.execute(&DELETE_ABOUT, &[account.to_string().into(), mail.about.as_str().into()])?;
    }
    insert_first(conn, &[mail])
}

/// Adds mails that are to be sent at once, to accounts that have had none.
///
/// # Errors
/// As the database has them.
pub fn insert_first(conn: &mut Conn, all: &[&Mail]) -> Result<(), DbError> {
    let rows: Vec<[Value; 7]> = all
        .iter()
        .map(|mail| {
            [
                mail.id.to_string().into(),
                mail.account.map(|id| id.to_string()).into(),
                mail.about.as_str().into(),
                mail.recipient.as_str().into(),
                mail.letter_sealed.as_slice().into(),
                mail.created_at.millis().into(),
                mail.expires_at.millis().into(),
            ]
        })
        .collect();
    conn.execute_all(&INSERT, &rows).map(drop)
}

/// Those whose time to be tried has come, at most `limit`.
///
/// # Errors
/// As the database has them.
pub fn due(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<Mail>, DbError> {
    conn.query(&DUE, &[now.millis().into(), limit.into()])?.iter().map(read).collect()
}

/// Those of an account, the newest first: what waits, and what was given up.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Mail>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Mail, DbError> {
    Ok(Mail {
        id: row::parsed(row, 0)?,
        account: row::opt_parsed(row, 1)?,
        about: row.text(2)?.into(),
        recipient: row.text(3)?.into(),
        letter_sealed: row.bytes(4)?.into(),
        created_at: row::time(row, 5)?,
        expires_at: row::time(row, 6)?,
        attempts: row.int(7)?,
        next_at: row::time(row, 8)?,
        answer: row.opt_text(9)?.map(Into::into),
        given_up_at: row::opt_time(row, 10)?,
    })
}

/// When the next one is to be tried.
///
/// # Errors
/// As the database has them.
pub fn next(conn: &mut Conn) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&NEXT, &[])?.map(|row| row::time(&row, 0)).transpose()
}

/// Puts off the next try.
///
/// # Errors
/// As the database has them.
pub fn postpone(conn: &mut Conn, id: MailId, until: Timestamp, answer: &str) -> Result<(), DbError> {
    conn.execute(&POSTPONE, &[id.to_string().into(), until.millis().into(), answer.into()]).map(drop)
}

/// Gives a mail up, and forgets what it said. False when it is no longer there, or was given up before.
///
/// # Errors
/// As the database has them.
pub fn give_up(conn: &mut Conn, id: MailId, now: Timestamp, answer: &str) -> Result<bool, DbError> {
    let nothing: &[u8] = &[];
    let bound = [id.to_string().into(), now.millis().into(), answer.into(), nothing.into()];
    Ok(conn.execute(&GIVE_UP, &bound)? == 1)
}

/// Forgets a mail: the mail server has it.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: MailId) -> Result<(), DbError> {
    conn.execute(&DELETE, &[id.to_string().into()]).map(drop)
}

/// Forgets those that were given up at `until` or before.
///
/// # Errors
/// As the database has them.
pub fn delete_given_up(conn: &mut Conn, until: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_GIVEN_UP, &[until.millis().into()]).map(drop)
}
