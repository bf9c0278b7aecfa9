//! What identity tokens have to say to open builds of a project.

use domain::{IssuerId, ProjectId, RuleId, RuleTerms, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// Whose builds it lets in.
    pub project: ProjectId,
    /// Whose tokens it is about.
    pub issuer: IssuerId,
    /// What they have to say.
    pub terms: RuleTerms,
    /// When it was added.
    pub created_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO rules (id, project_id, issuer_id, terms, created_at) VALUES ($1, $2, $3, $4, $5)";
    OF_PROJECT = "SELECT id, project_id, issuer_id, terms, created_at FROM rules WHERE project_id = $1 ORDER BY created_at, id";
    OF_ISSUER = "SELECT id, project_id, issuer_id, terms, created_at FROM rules WHERE issuer_id = $1 ORDER BY project_id, id";
    BY_ID = "SELECT id, project_id, issuer_id, terms, created_at FROM rules WHERE id = $1";
    DELETE = "DELETE FROM rules WHERE id = $1";
    DELETE_OF_PROJECT = "DELETE FROM rules WHERE project_id = $1";
}

/// Adds a rule.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, rule: &Rule) -> Result<(), DbError> {
    let terms = serde_json::to_string(&rule.terms).map_err(|_| row::corrupt("a rule to be written"))?;
    let params = [
        rule.id.to_string().into(),
        rule.project.to_string().into(),
        rule.issuer.to_string().into(),
        terms.into(),
        rule.created_at.millis().into(),
    ];
    conn.execute(&INSERT, &params).map(drop)
}

/// The project's rules, in the order in which they were added.
///
/// # Errors
/// As the database has them.
pub fn of_project(conn: &mut Conn, project: ProjectId) -> Result<Vec<Rule>, DbError> {
    conn.query(&OF_PROJECT, &[project.to_string().into()])?.iter().map(read).collect()
}

/// The rules about this issuer's tokens, project by project.
///
/// # Errors
/// As the database has them.
pub fn of_issuer(conn: &mut Conn, issuer: IssuerId) -> Result<Vec<Rule>, DbError> {
    conn.query(&OF_ISSUER, &[issuer.to_string().into()])?.iter().map(read).collect()
}

/// The rule of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: RuleId) -> Result<Option<Rule>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// Removes a rule. False when there is none any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: RuleId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// Removes all rules of a project.
///
/// # Errors
/// As the database has them.
pub fn delete_of_project(conn: &mut Conn, project: ProjectId) -> Result<(), DbError> {
    conn.execute(&DELETE_OF_PROJECT, &[project.to_string().into()]).map(drop)
}

fn read(row: &Row) -> Result<Rule, DbError> {
    Ok(Rule {
        id: row::parsed(row, 0)?,
        project: row::parsed(row, 1)?,
        issuer: row::parsed(row, 2)?,
        terms: serde_json::from_str(row.text(3)?).map_err(|_| row::corrupt("rules.terms"))?,
        created_at: row::time(row, 4)?,
    })
}
