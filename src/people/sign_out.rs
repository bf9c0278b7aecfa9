//! Administrators sign people out: one, or everybody at once. App-specific passwords and tokens go on; what takes those away too is
//! suspending.

use domain::What;
use store::{browsers, events, people::Person, sessions};

use super::{change, forget_browsers, no_account};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::Problem,
};

/// Signs somebody out in every browser and command line, and trusts none of their browsers any more.
///
/// # Errors
/// `not-found`.
pub async fn one(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, who: &str) -> Result<Person, Problem> {
    let signed_out = change(app, ctx, admin, who, |change| {
        sessions::delete_others(change.tx, change.account.id, None)?;
        forget_browsers(change.tx, change.stamp, change.actor, change.account.id)?;
        change.event(What::AccountSignedOut)
    });
    signed_out.await?.ok_or_else(no_account)
}

/// Signs everybody out, whoever asks too, trusts no browser any more, and tells in how many browsers and command lines somebody was.
///
/// # Errors
/// As the database has them.
pub async fn everybody(app: &App, ctx: &Ctx, admin: &Fresh<Admin>) -> Result<u64, Problem> {
    let (stamp, actor) = (ctx.stamp.clone(), admin.who().actor);
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let count = sessions::delete_all(tx)?;
            browsers::delete_all(tx)?;
            events::append(tx, stamp.now, stamp.event(None, actor, What::EverybodySignedOut { count }))?;
            Ok(count)
        })
        .await
}
