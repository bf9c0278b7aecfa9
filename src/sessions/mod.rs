//! Where a person is signed in: the list of browsers and command lines, and signing them out.

use domain::{SessionId, Timestamp, What};
use store::{
    events,
    sessions::{self as rows, Session},
};

use crate::{
    access::{self, SignedIn},
    accounts,
    app::App,
    ctx::Ctx,
    problem::Problem,
};

pub mod api;
pub mod pages;

/// One place where the person is signed in.
pub struct Place {
    /// The session.
    pub session: Session,
    /// When it ends by itself, if it isn't used before.
    pub ends_at: Timestamp,
    /// Whether it is the one that asks.
    pub here: bool,
}

/// Where the person is signed in; this one comes first, and then the one that was used last.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, ctx: &Ctx, person: &SignedIn) -> Result<Vec<Place>, Problem> {
    let sessions = app.store.read(|conn| rows::of_account(conn, person.account.id))?;
    let place = |session: Session| Place {
        ends_at: access::ends_at(app, &session),
        here: session.id == person.session.id,
        session,
    };
    // Those whose time is over are still there until they are forgotten for good.
    let mut places: Vec<_> =
        sessions.into_iter().map(place).filter(|place| place.ends_at > ctx.stamp.now).collect();
    places.sort_by_key(|place| !place.here);
    Ok(places)
}

/// Signs one out, and gives what it was. It asks for no fresh second factor: whoever has lost a device must be able to shut it out at
/// once.
///
/// # Errors
/// `not-found` when it isn't this person's, or has ended.
pub async fn sign_out(app: &App, ctx: &Ctx, person: &SignedIn, id: SessionId) -> Result<Session, Problem> {
    let (stamp, account, actor, here) =
        (ctx.stamp.clone(), person.account.id, person.actor(), person.session.id);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, here)?;
            let mine = rows::of_account(tx, account)?.into_iter().find(|session| session.id == id);
            let session = mine.ok_or_else(Problem::not_found)?;
            rows::delete(tx, id)?;
            let what = match id == here {
                true => What::SignedOut,
                false => What::SessionEnded { agent: session.agent.clone() },
            };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            Ok(session)
        })
        .await
}

/// Signs out everywhere but here, and tells how many were.
///
/// # Errors
/// As the database has them.
pub async fn sign_out_others(app: &App, ctx: &Ctx, person: &SignedIn) -> Result<u64, Problem> {
    let (stamp, session, actor) = (ctx.stamp.clone(), person.session.clone(), person.actor());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            accounts::sign_out_others(tx, &stamp, actor, &session)
        })
        .await
}
