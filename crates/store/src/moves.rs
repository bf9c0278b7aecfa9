//! The mark on data that is being moved here, or was moved away: while there is one, no server may use the data.

use domain::{RequestId, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// The table that the mark is in.
pub const TABLE: &str = "moves";

/// A move of all data from one database to another, as its two ends remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The same at both ends.
    pub id: RequestId,
    /// Which end this is.
    pub end: End,
    /// Where the other end is, without a password.
    pub place: String,
    /// When it began.
    pub at: Timestamp,
}

/// An end of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The data is to arrive here; perhaps not all of it has.
    Arriving,
    /// The data has left.
    Left,
}

impl End {
    /// The end as it is stored.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arriving => "arriving",
            Self::Left => "left",
        }
    }

    /// The end of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Arriving, Self::Left].into_iter().find(|end| end.code() == code)
    }
}

statements! {
    GET = "SELECT id, state, place, at FROM moves";
    INSERT = "INSERT INTO moves (id, state, place, at) VALUES ($1, $2, $3, $4)";
    CLEAR = "DELETE FROM moves";
}

impl Move {
    /// The values of its row.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        vec![
            self.id.to_string().into(),
            self.end.code().into(),
            self.place.as_str().into(),
            self.at.millis().into(),
        ]
    }

    fn read(found: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row::parsed(found, 0)?,
            end: End::from_code(found.text(1)?).ok_or_else(|| row::corrupt("moves.state"))?,
            place: found.text(2)?.to_owned(),
            at: row::time(found, 3)?,
        })
    }
}

/// The mark, if there is one.
///
/// # Errors
/// As the database has them.
pub fn get(conn: &mut Conn) -> Result<Option<Move>, DbError> {
    conn.query_one(&GET, &[])?.as_ref().map(Move::read).transpose()
}

/// Puts a mark where there is none.
///
/// # Errors
/// As the database has them.
pub fn put(conn: &mut Conn, mark: &Move) -> Result<(), DbError> {
    conn.execute(&INSERT, &mark.values()).map(drop)
}

/// Takes the mark away. False when there was none.
///
/// # Errors
/// As the database has them.
pub fn clear(conn: &mut Conn) -> Result<bool, DbError> {
    Ok(conn.execute(&CLEAR, &[])? == 1)
}
