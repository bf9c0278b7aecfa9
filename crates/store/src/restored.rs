//! What a restored backup must not bring back: whatever lets somebody in, and may have been ended since.

use domain::{Timestamp, WhyBuildEnded};

use crate::{
    browsers, builds,
    db::{Conn, DbError},
    identities, project_tokens, sessions, statements,
};

statements! {
    TOKENS = "DELETE FROM tokens";
    LINKS = "DELETE FROM links";
    MAILS = "DELETE FROM mails";
    PROJECT_INVITATIONS = "DELETE FROM project_invitations";
}

/// Ends every session, personal API token, project token, trusted browser, one-time link, invitation to a project and build, and drops the mails
/// that wait: they bear such links, or were sent long ago. Which identity tokens have opened a build isn't known any more, so none opens one
/// that was issued by now. Tells how many sessions and personal tokens there were.
///
/// # Errors
/// As the database has them.
pub fn sign_everybody_out(conn: &mut Conn, now: Timestamp) -> Result<u64, DbError> {
    let signed_out = sessions::delete_all(conn)? + conn.execute(&TOKENS, &[])?;
    project_tokens::delete_all(conn)?;
    identities::refuse_up_to(conn, now)?;
    browsers::delete_all(conn)?;
    builds::end_all(conn, now, WhyBuildEnded::Restored)?;
    conn.execute(&LINKS, &[])?;
    conn.execute(&PROJECT_INVITATIONS, &[])?;
    conn.execute(&MAILS, &[])?;
    Ok(signed_out)
}
