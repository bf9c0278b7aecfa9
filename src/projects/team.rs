//! A project's team: who is in it, in which role, and what ends when somebody goes.

use domain::{AccountId, Actor, WhyUnused};
use store::Tx;

use super::stop_using_all;
use crate::{ctx::Stamp, problem::Problem};

/// What ends in all projects when an account can't be used any more: it is suspended, or about to be removed.
///
/// # Errors
/// As the database has them.
pub fn gone(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    why: WhyUnused,
) -> Result<(), Problem> {
    stop_using_all(tx, stamp, actor, account, None, why)
}
