//! Invitations: an account that waits for its person, and the one-time link with which they set its password.

use domain::{AccountId, Actor, Timestamp, What};
use store::{
    accounts::{self as rows, Account, State},
    budgets, events,
    links::{self as link_rows, Link, Purpose},
};

use super::{
    Who,
    links::{Handed, NewLink, link_spent, spend},
    password::{Kept, MIN_ALONE, NewPassword},
};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    secrets,
};

/// How long an invitation can be accepted, in hours: a week.
const INVITE_HOURS: i64 = 7 * 24;

/// Makes the row of an account that waits for its person. Its password is nobody's.
pub fn waiting(app: &App, ctx: &mut Ctx, new: super::NewAccount) -> Account {
    let (now, id) = (ctx.stamp.now, AccountId::new(ctx.stamp.now, &mut ctx.rng));
    Account {
        id,
        name: new.name,
        display_name: new.display_name,
        administrator: new.administrator,
        state: State::Invited,
        password_sealed: Kept::nobody().seal(&app.keyring, id, &mut ctx.rng),
        password_changed_at: now,
        created_at: now,
        signed_in_at: None,
    }
}

/// Makes the link for an account that waits for its person.
pub fn link(app: &App, ctx: &mut Ctx, account: &Account, actor: Actor) -> NewLink {
    NewLink::make(ctx, Purpose::Invite(account.id), actor, INVITE_HOURS).by_mail(app, ctx, account)
}

/// Makes a new link for somebody who was invited; earlier ones stop working.
///
/// # Errors
/// `not-found`; `conflict` when they have accepted already.
pub async fn link_again(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    show_link: bool,
) -> Result<Handed, Problem> {
    let who = Who::parse(app, who)?;
    let (account, Admin { actor, reach }) = (app.store.read(|conn| who.account(conn))?, *admin.who());
    let (id, link) = (account.id, link(app, ctx, &account, actor));
    let (row, stamp) = (link.row.clone(), ctx.stamp.clone());
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let account = rows::by_id(tx, id)?.ok_or_else(super::no_account)?;
            reach.over(account.administrator)?;
            if account.state != State::Invited {
                let detail = format!(
                    "{} has accepted the invitation already. For somebody who forgot their password, make a reset link.",
                    account.name
                );
                return Err(Problem::new(Code::Conflict, detail));
            }
            row.insert(tx, stamp.now)?;
            let what = What::InviteLinkMade { expires_at: row.link.expires_at };
            Ok(events::append(tx, stamp.now, stamp.event(Some(id), actor, what))?)
        })
        .await?;
    Ok(link.hand_on(app, show_link))
}

/// What an invitation's link opens.
pub struct Invitation {
    /// The account that waits.
    pub account: Account,
    /// What the one is called who invites; none for the command line on the server's machine, and for somebody who has gone since.
    pub by: Option<String>,
}

/// What this token invites to.
///
/// # Errors
/// `link-spent` when it invites nobody, or no longer.
pub fn open(app: &App, now: Timestamp, token: &str) -> Result<Invitation, Problem> {
    app.store.read(|conn| {
        let found = link_rows::by_token(conn, &secrets::hash(token), now)?;
        let Some(Link { purpose: Purpose::Invite(id), made_by, .. }) = found else {
            return Err(link_spent());
        };
        let account = rows::by_id(conn, id)?.filter(|account| account.state == State::Invited);
        let by = match made_by {
            Some(id) => rows::by_id(conn, id)?.map(|account| account.display_name.as_str().to_owned()),
            None => None,
        };
        Ok(Invitation { account: account.ok_or_else(link_spent)?, by })
    })
}

/// Accepts an invitation: sets the account's first password, and spends the link.
///
/// # Errors
/// `link-spent`; `unfit` at `password`, and then the link can still be spent.
pub async fn accept(app: &App, ctx: &mut Ctx, token: &str, password: &str) -> Result<Account, Problem> {
    let account = open(app, ctx.stamp.now, token)?.account;
    let whose = (&account.name, &account.display_name);
    let new = NewPassword::check(app, "password", password, MIN_ALONE, whose)?;
    let kept = app.hasher.turn()?.hash(new, &mut ctx.rng).await?;
    let sealed = kept.seal(&app.keyring, account.id, &mut ctx.rng);
    let (stamp, hash, id) = (ctx.stamp.clone(), secrets::hash(token), account.id);
    app.store
        .write(move |tx| {
            spend(tx, &hash, stamp.now)?;
            if !rows::accept(tx, id, &sealed, stamp.now)? {
                return Err(link_spent());
            }
            // Tries from before there was a password were nobody's mistakes.
            budgets::clear(tx, &id.to_string())?;
            let event = stamp.event(Some(id), Actor::Account(id), What::InvitationAccepted);
            Ok(events::append(tx, stamp.now, event)?)
        })
        .await?;
    Ok(account)
}
