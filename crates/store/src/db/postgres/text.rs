//! What can be told of a statement from its text alone.

/// How many parameters it has, if they are `$1`, `$2` and so on without a gap. PostgreSQL itself would take `$01`, and ask for the
/// type of one that nothing names.
pub(super) fn parameters(sql: &str) -> Option<usize> {
    let mut named = Vec::new();
    let mut literal = false;
    let mut rest = sql.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        match character {
            '\'' => literal = !literal,
            _ if literal => {}
            '?' => return None,
            '$' => {
                let digits: String =
                    sql.get(at + 1..)?.chars().take_while(|next| next.is_ascii_alphanumeric()).collect();
                if digits.starts_with('0') {
                    return None;
                }
                named.push(digits.parse::<usize>().ok()?);
                while rest.next_if(|(_, next)| next.is_ascii_alphanumeric()).is_some() {}
            }
            _ => {}
        }
    }
    let count = named.iter().copied().max().unwrap_or(0);
    (1..=count).all(|number| named.contains(&number)).then_some(count)
}

/// Whether it surely changes nothing: what SQLite tells of a prepared statement, and PostgreSQL doesn't.
pub(super) fn reads(sql: &str) -> bool {
    let mut words =
        sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.clone().next().is_some_and(|first| first == "SELECT" || first == "WITH")
        && !words.any(|word| {
            ["INSERT", "UPDATE", "DELETE", "MERGE", "SHARE"].contains(&word.to_ascii_uppercase().as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_outside_of_literals() {
        for (sql, count) in [
            ("SELECT 1", Some(0)),
            ("SELECT $1, $2", Some(2)),
            ("SELECT $2, $1, $2", Some(2)),
            ("SELECT '$9 ?', $1", Some(1)),
            ("SELECT 'it''s $3', $1", Some(1)),
            ("SELECT $10, $1, $2, $3, $4, $5, $6, $7, $8, $9", Some(10)),
            ("SELECT $1, $3", None),
            ("SELECT $0, $1", None),
            ("SELECT $1, $01", None),
            ("SELECT $a", None),
            ("SELECT $1a", None),
            ("SELECT ?", None),
        ] {
            assert_eq!(parameters(sql), count, "{sql}");
        }
    }

    #[test]
    fn what_may_write_is_no_reading() {
        for sql in ["SELECT 1", "\n  WITH a AS (SELECT 1) SELECT * FROM a", "SELECT updated FROM t"] {
            assert!(reads(sql), "{sql}");
        }
        for sql in [
            "INSERT INTO t VALUES (1)",
            "DELETE FROM t RETURNING k",
            "WITH a AS (DELETE FROM t RETURNING k) SELECT * FROM a",
            "SELECT k FROM t FOR UPDATE",
            "SELECT k FROM t FOR SHARE",
        ] {
            assert!(!reads(sql), "{sql}");
        }
    }
}
