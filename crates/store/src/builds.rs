//! Builds, from their opening to their end.

use domain::{BuildId, ProjectId, Proof, Timestamp, WhyBuildEnded};

use crate::{
    db::{Conn, DbError, Row},
    project_tokens, row, rules, statements,
};

/// A row of `builds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// What it builds.
    pub project: ProjectId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its time is over.
    pub ends_at: Timestamp,
    /// When it ended, and why.
    pub ended: Option<(Timestamp, WhyBuildEnded)>,
    /// How it showed whose it is.
    pub proof: Proof,
    /// The commit that it builds.
    pub commit: Option<String>,
    /// The branch, tag or other ref that it builds.
    pub reference: Option<String>,
    /// The CI's own address of it.
    pub run: Option<String>,
    /// The address that it was opened from.
    pub source: Option<String>,
}

impl Build {
    /// Whether its token is good.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.ends_at
    }

    /// When it ended, and why, also where its time is over and nobody has written that down yet.
    #[must_use]
    pub fn ended_by(&self, now: Timestamp) -> Option<(Timestamp, WhyBuildEnded)> {
        self.ended.or_else(|| (self.ends_at <= now).then_some((self.ends_at, WhyBuildEnded::TimeOver)))
    }
}

statements! {
    INSERT = "INSERT INTO builds (id, project_id, token_hash, opened_at, ends_at, opened_by, proof, commit_id, reference, run, source)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    BY_ID = "SELECT id, project_id, opened_at, ends_at, ended_at, why_ended, proof, commit_id, reference, run, source
        FROM builds WHERE id = $1";
    BY_TOKEN = "SELECT id, project_id, opened_at, ends_at, ended_at, why_ended, proof, commit_id, reference, run, source
        FROM builds WHERE token_hash = $1";
    OF_PROJECT = "SELECT id, project_id, opened_at, ends_at, ended_at, why_ended, proof, commit_id, reference, run, source
        FROM builds WHERE project_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    OPENED_BY = "SELECT id, project_id, opened_at, ends_at, ended_at, why_ended, proof, commit_id, reference, run, source
        FROM builds WHERE opened_by = $1 AND ended_at IS NULL ORDER BY id";
    OVERDUE = "SELECT id, project_id, opened_at, ends_at, ended_at, why_ended, proof, commit_id, reference, run, source
        FROM builds WHERE ended_at IS NULL AND ends_at <= $1 ORDER BY ends_at LIMIT $2";
    END = "UPDATE builds SET ended_at = $2, why_ended = $3 WHERE id = $1 AND ended_at IS NULL";
    END_ALL = "UPDATE builds SET ended_at = $1, why_ended = $2 WHERE ended_at IS NULL";
    COUNT_SINCE = "SELECT COUNT(*) FROM builds WHERE project_id = $1 AND opened_at > $2";
    COUNT_OPEN = "SELECT COUNT(*) FROM builds WHERE project_id = $1 AND ended_at IS NULL AND ends_at > $2";
    DELETE_OF_PROJECT = "DELETE FROM builds WHERE project_id = $1";
}

/// Adds a build.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, build: &Build, token_hash: &[u8]) -> Result<(), DbError> {
    let proof = serde_json::to_string(&build.proof).map_err(|_| row::corrupt("a build to be written"))?;
    conn.execute(
        &INSERT,
        &[
            build.id.to_string().into(),
            build.project.to_string().into(),
            token_hash.into(),
            build.opened_at.millis().into(),
            build.ends_at.millis().into(),
            build.proof.by().into(),
            proof.into(),
            build.commit.clone().into(),
            build.reference.clone().into(),
            build.run.clone().into(),
            build.source.clone().into(),
        ],
    )
    .map(drop)
}

/// The build of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: BuildId) -> Result<Option<Build>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The build whose token has this hash, also when it has ended.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<Build>, DbError> {
    conn.query_one(&BY_TOKEN, &[token_hash.into()])?.as_ref().map(read).transpose()
}

/// At most `limit` builds of the project that come before this one, the newest first; with none, the newest of all.
///
/// # Errors
/// As the database has them.
pub fn of_project(
    conn: &mut Conn,
    project: ProjectId,
    before: Option<BuildId>,
    limit: i64,
) -> Result<Vec<Build>, DbError> {
    // Ids sort by the time that they were made at, and this is behind all of them.
    let before = before.map_or_else(|| "bld_g".into(), |id| id.to_string());
    let params = [project.to_string().into(), before.into(), limit.into()];
    conn.query(&OF_PROJECT, &params)?.iter().map(read).collect()
}

/// The open builds that this project token or rule, by its id, let in.
///
/// # Errors
/// As the database has them.
pub fn opened_by(conn: &mut Conn, proof: &str) -> Result<Vec<Build>, DbError> {
    conn.query(&OPENED_BY, &[proof.into()])?.iter().map(read).collect()
}

/// At most `limit` builds that haven't ended though their time is over.
///
/// # Errors
/// As the database has them.
pub fn overdue(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<Build>, DbError> {
    conn.query(&OVERDUE, &[now.millis().into(), limit.into()])?.iter().map(read).collect()
}

/// Ends the build. False when it had ended.
///
/// # Errors
/// As the database has them.
pub fn end(conn: &mut Conn, id: BuildId, now: Timestamp, why: WhyBuildEnded) -> Result<bool, DbError> {
    Ok(conn.execute(&END, &[id.to_string().into(), now.millis().into(), why.code().into()])? == 1)
}

/// Ends all builds, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn end_all(conn: &mut Conn, now: Timestamp, why: WhyBuildEnded) -> Result<u64, DbError> {
    conn.execute(&END_ALL, &[now.millis().into(), why.code().into()])
}

/// How many builds of the project are open.
///
/// # Errors
/// As the database has them.
pub fn count_open(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<u64, DbError> {
    let row = conn.query_one(&COUNT_OPEN, &[project.to_string().into(), now.millis().into()])?;
    let row = row.ok_or_else(|| row::corrupt("builds"))?;
    u64::try_from(row.int(0)?).map_err(|_| row::corrupt("builds"))
}

/// How many builds of the project were opened after `then`.
///
/// # Errors
/// As the database has them.
pub fn count_since(conn: &mut Conn, project: ProjectId, then: Timestamp) -> Result<u64, DbError> {
    let row = conn.query_one(&COUNT_SINCE, &[project.to_string().into(), then.millis().into()])?;
    let row = row.ok_or_else(|| row::corrupt("builds"))?;
    u64::try_from(row.int(0)?).map_err(|_| row::corrupt("builds"))
}

/// Removes all builds of a project, and the rules and tokens that let them in.
///
/// # Errors
/// As the database has them.
pub fn delete_of_project(conn: &mut Conn, project: ProjectId) -> Result<(), DbError> {
    rules::delete_of_project(conn, project)?;
    project_tokens::delete_of_project(conn, project)?;
    conn.execute(&DELETE_OF_PROJECT, &[project.to_string().into()]).map(drop)
}

fn read(row: &Row) -> Result<Build, DbError> {
    Ok(Build {
        id: row::parsed(row, 0)?,
        project: row::parsed(row, 1)?,
        opened_at: row::time(row, 2)?,
        ends_at: row::time(row, 3)?,
        ended: match (row::opt_time(row, 4)?, row.opt_text(5)?) {
            (Some(at), Some(why)) => {
                Some((at, WhyBuildEnded::from_code(why).ok_or_else(|| row::corrupt("builds.why_ended"))?))
            }
            _ => None,
        },
        proof: serde_json::from_str(row.text(6)?).map_err(|_| row::corrupt("builds.proof"))?,
        commit: row.opt_text(7)?.map(str::to_owned),
        reference: row.opt_text(8)?.map(str::to_owned),
        run: row.opt_text(9)?.map(str::to_owned),
        source: row.opt_text(10)?.map(str::to_owned),
    })
}
