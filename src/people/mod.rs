//! People, as administrators see and change them: listing, inviting, suspending, removing, their names, and who administers the server. How
//! an invitation is accepted, and what else a person does with their own account, is in [`crate::accounts`].

use domain::{AccountName, Actor, DisplayName, GroupName, What, WhyUnused};
use store::{
    Tx,
    accounts::{self as rows, Account, State},
    events, links,
    mails::{self, Mail},
    people::{self, Found, Person},
    removal, sessions, tokens,
};

use crate::{
    access::{Admin, Fresh, Reach},
    accounts::{
        NewAccount, Who, end_tokens, forget_browsers, id_is_free, invitations, links::Handed, no_account,
    },
    app::App,
    ctx::{Ctx, Stamp},
    groups,
    problem::{Code, Problem},
    projects,
};

pub mod api;
pub mod import;
pub mod import_api;
pub mod pages;
pub mod sign_out;
pub mod views;

/// How many people are shown at a time, if nothing else is asked for.
pub const PAGE: usize = 50;

/// How many people can be asked for at a time.
pub const PAGE_MAX: usize = 1000;

/// How many aliases an account can have.
pub const ALIASES_MAX: usize = 20;

/// Some of the people, and from where the next ones go on.
pub struct Page {
    /// The people.
    pub people: Vec<Person>,
    /// What is to be asked for to see those who come after these.
    pub next: Option<String>,
}

/// Which people are asked for.
pub struct Asked {
    /// What somebody's ID, alias, or a word of whose name begins with; empty for everybody, in the order of their IDs.
    pub look_for: String,
    /// The `next` of the page before; empty at first.
    pub after: String,
    /// How many at most.
    pub limit: usize,
}

/// Some of the people.
///
/// # Errors
/// `unfit` at `after` when no page ended there, at `limit` when it is out of bounds.
pub async fn list(app: &App, ctx: &Ctx, _admin: &Admin, asked: Asked) -> Result<Page, Problem> {
    let Asked { look_for, after, limit: most } = asked;
    if !(1..=PAGE_MAX).contains(&most) {
        return Err(Problem::field("limit", format!("Ask for 1 to {PAGE_MAX} people at a time.")));
    }
    let (now, limit) = (ctx.stamp.now, i64::try_from(most + 1).unwrap_or(i64::MAX));
    let look_for = look_for.trim().to_owned();
    if look_for.is_empty() {
        let mut people = app.store.scan(move |conn| people::list(conn, &after, now, limit)).await?;
        let more = people.len() > most;
        people.truncate(most);
        let next = people.last().filter(|_| more).map(|person| person.name.to_string());
        return Ok(Page { people, next });
    }
    let from = if after.is_empty() { None } else { Some(read_cursor(&after)?) };
    let mut found =
        app.store.scan(move |conn| people::find(conn, &look_for, from.as_ref(), now, limit)).await?;
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|(_, found)| write_cursor(found));
    Ok(Page { people: found.into_iter().map(|(person, _)| person).collect(), next })
}

fn write_cursor(found: &Found) -> String {
    format!("{}.{}", data_encoding::HEXLOWER.encode(&found.word), found.account)
}

fn read_cursor(text: &str) -> Result<Found, Problem> {
    let read = |(word, id): (&str, &str)| {
        let word = data_encoding::HEXLOWER.decode(word.as_bytes()).ok()?;
        Some(Found { word, account: id.parse().ok()? })
    };
    text.split_once('.').and_then(read).ok_or_else(|| {
        Problem::field("after", "That isn't where a page ended. Begin at the first one again.")
    })
}

/// One person.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, ctx: &Ctx, _admin: &Admin, who: &str) -> Result<Person, Problem> {
    let who = Who::parse(app, who)?;
    app.store.read(|conn| {
        let id = who.account(conn)?.id;
        people::one(conn, id, ctx.stamp.now)?.ok_or_else(no_account)
    })
}

/// The newest mail to somebody that the mail server hasn't taken: it waits, or was given up.
///
/// # Errors
/// As the database has them.
pub fn undelivered(app: &App, _admin: &Admin, person: &Person) -> Result<Option<Mail>, Problem> {
    Ok(app.store.read(|conn| mails::of_account(conn, person.id))?.into_iter().next())
}

/// What is asked about somebody who is invited.
pub struct Invitee {
    /// The account.
    pub account: NewAccount,
    /// Other names that sign them in.
    pub aliases: Vec<AccountName>,
    /// The groups that they are in from the first day.
    pub groups: Vec<GroupName>,
}

impl Invitee {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at the field.
    pub fn parse<'a>(
        app: &App,
        account: NewAccount,
        aliases: impl Iterator<Item = &'a str>,
        groups: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let mut read: Vec<AccountName> = Vec::new();
        for typed in aliases {
            let alias = parse_alias(app, "aliases", typed)?;
            if alias != account.name && !read.contains(&alias) {
                read.push(alias);
            }
            // At once: each is compared with those before it.
            if read.len() > ALIASES_MAX {
                return Err(too_many_aliases("aliases"));
            }
        }
        Ok(Self { account, aliases: read, groups: groups::parse_names(groups)? })
    }
}

fn parse_alias(app: &App, field: &'static str, typed: &str) -> Result<AccountName, Problem> {
    AccountName::parse(typed, app.default_domain())
        .map_err(|error| Problem::field(field, format!("“{typed}” can't be an alias: {error}.")))
}

fn too_many_aliases(field: &'static str) -> Problem {
    let detail = format!("An account has at most {ALIASES_MAX} aliases. Remove one that isn't needed.");
    Problem::field(field, detail)
}

fn alias_is_free(tx: &mut Tx<'_>, field: &'static str, alias: &AccountName) -> Result<(), Problem> {
    let Some(taken) = rows::by_name(tx, alias)? else { return Ok(()) };
    let whose = if taken.name == *alias { "the ID".into() } else { format!("an alias of {}", taken.name) };
    let detail = format!("{alias} is {whose} already. A name signs in one account only.");
    Err(Problem { code: Code::Conflict, ..Problem::field(field, detail) })
}

/// Invites somebody: their account is made, and waits for them to set its password through a one-time link.
///
/// # Errors
/// `conflict` at `id` or `aliases` when a name is taken; `unfit` at `groups` when there is no such group.
pub async fn invite(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    invitee: Invitee,
    show_link: bool,
) -> Result<(Person, Handed), Problem> {
    admin.who().reach.over(invitee.account.administrator)?;
    let account = invitations::waiting(app, ctx, invitee.account);
    let actor = admin.who().actor;
    let link = invitations::link(app, ctx, &account, actor);
    let (stamp, row, aliases, groups) =
        (ctx.stamp.clone(), link.row.clone(), invitee.aliases, invitee.groups);
    let person = app
        .store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            id_is_free(tx, &account.name)?;
            rows::insert(tx, &account)?;
            for alias in &aliases {
                alias_is_free(tx, "aliases", alias)?;
            }
            rows::add_aliases(tx, account.id, &aliases)?;
            row.insert(tx, stamp.now)?;
            let what = What::AccountInvited {
                name: account.name.to_string(),
                administrator: account.administrator,
                expires_at: row.link.expires_at,
            };
            events::append(tx, stamp.now, stamp.event(Some(account.id), actor, what))?;
            groups::join_all(tx, &stamp, actor, account.id, &groups)?;
            people::one(tx, account.id, stamp.now)?.ok_or_else(no_account)
        })
        .await?;
    Ok((person, link.hand_on(app, show_link)))
}

/// An account that is being changed by an administrator, in the transaction of the change.
struct Change<'a, 't> {
    tx: &'a mut Tx<'t>,
    account: &'a Account,
    actor: Actor,
    reach: Reach,
    stamp: &'a Stamp,
}

impl Change<'_, '_> {
    fn event(&mut self, what: What) -> Result<(), Problem> {
        let event = self.stamp.event(Some(self.account.id), self.actor, what);
        Ok(events::append(self.tx, self.stamp.now, event)?)
    }

    /// What ends an account's use is never done to one's own, by mistake or in anger.
    fn not_to_oneself(&self, what: &str) -> Result<(), Problem> {
        if self.actor == Actor::Account(self.account.id) {
            let detail = format!("Nobody {what} their own account. Ask another administrator.");
            return Err(Problem::new(Code::OwnAccount, detail));
        }
        Ok(())
    }

    /// Somebody must be left to administer the server.
    fn not_the_last_administrator(&mut self) -> Result<(), Problem> {
        let Account { id, administrator, state, .. } = *self.account;
        if !administrator || state != State::Active || rows::other_administrator(self.tx, id)? {
            return Ok(());
        }
        let detail = format!(
            "{} is the last administrator of this server. Make somebody else one first.",
            self.account.name
        );
        Err(Problem::new(Code::LastAdministrator, detail))
    }

    fn conflict(&self, how_it_is: &str) -> Problem {
        Problem::new(Code::Conflict, format!("{} {how_it_is}", self.account.name))
    }
}

/// Makes a change of somebody's account, for as long as the administrator is one, and gives the person as they are now; nobody when they
/// were removed.
async fn change(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    work: impl Fn(&mut Change<'_, '_>) -> Result<(), Problem> + Send + 'static,
) -> Result<Option<Person>, Problem> {
    let (who, stamp) = (Who::parse(app, who)?, ctx.stamp.clone());
    let Admin { actor, reach } = *admin.who();
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let account = who.account(tx)?;
            reach.over(account.administrator)?;
            work(&mut Change { tx, account: &account, actor, reach, stamp: &stamp })?;
            Ok(people::one(tx, account.id, stamp.now)?)
        })
        .await
}

/// Suspends an account: it is signed out everywhere, its links stop working, and every door refuses its app-specific passwords, which stay.
///
/// # Errors
/// `not-found`, `own-account`, `last-administrator`; `conflict` when it isn't in use.
pub async fn suspend(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, who: &str) -> Result<Person, Problem> {
    let suspended = change(app, ctx, admin, who, |change| {
        change.not_to_oneself("suspends")?;
        match change.account.state {
            State::Active => {}
            State::Suspended => return Err(change.conflict("is suspended already.")),
            State::Invited => {
                return Err(change.conflict(
                    "has still to accept the invitation, so there is nothing to suspend. Remove the account to withdraw it.",
                ));
            }
        }
        change.not_the_last_administrator()?;
        let id = change.account.id;
        projects::gone(change.tx, change.stamp, change.actor, id, WhyUnused::Suspended)?;
        rows::set_state(change.tx, id, State::Active, State::Suspended)?;
        sessions::delete_others(change.tx, id, None)?;
        links::delete_of_account(change.tx, id)?;
        end_tokens(change.tx, change.stamp, change.actor, id)?;
        forget_browsers(change.tx, change.stamp, change.actor, id)?;
        change.event(What::AccountSuspended)
    });
    suspended.await?.ok_or_else(no_account)
}

/// Lets a suspended account be used again, with the app-specific passwords that it has.
///
/// # Errors
/// `not-found`; `conflict` when it isn't suspended.
pub async fn resume(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, who: &str) -> Result<Person, Problem> {
    let resumed = change(app, ctx, admin, who, |change| {
        if !rows::set_state(change.tx, change.account.id, State::Suspended, State::Active)? {
            return Err(change.conflict("isn't suspended."));
        }
        change.event(What::AccountResumed)
    });
    resumed.await?.ok_or_else(no_account)
}

/// Removes an account with all that is its own; the log keeps its lines. Its ID can be given to somebody else, who gets nothing of it.
///
/// # Errors
/// `not-found`, `own-account`, `last-administrator`.
pub async fn remove(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, who: &str) -> Result<(), Problem> {
    let removed = change(app, ctx, admin, who, |change| {
        change.not_to_oneself("removes")?;
        change.not_the_last_administrator()?;
        projects::gone(change.tx, change.stamp, change.actor, change.account.id, WhyUnused::AccountRemoved)?;
        removal::remove(change.tx, change.account.id)?;
        change.event(What::AccountRemoved { name: change.account.name.to_string() })
    });
    removed.await.map(drop)
}

/// What is to be different about somebody.
#[derive(Default)]
pub struct Changes {
    /// What they are called.
    pub display_name: Option<DisplayName>,
    /// Whether they administer the server.
    pub administrator: Option<bool>,
}

impl Changes {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit` at `display_name`.
    pub fn parse(display_name: Option<&str>, administrator: Option<bool>) -> Result<Self, Problem> {
        let display_name = display_name
            .map(DisplayName::parse)
            .transpose()
            .map_err(|error| Problem::field("display_name", format!("The name {error}.")))?;
        Ok(Self { display_name, administrator })
    }
}

/// Changes what somebody is called, and whether they administer the server. What is so already stays so, and isn't told.
///
/// # Errors
/// `not-found`, `last-administrator`.
pub async fn edit(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    changes: Changes,
) -> Result<Person, Problem> {
    let edited = change(app, ctx, admin, who, move |change| {
        let id = change.account.id;
        if let Some(name) = &changes.display_name
            && rows::set_display_name(change.tx, id, name)?
        {
            change.event(What::AccountRenamed { display_name: name.as_str().into() })?;
        }
        if let Some(administrator) = changes.administrator {
            change.reach.over(administrator)?;
            if !administrator {
                change.not_the_last_administrator()?;
            }
            if rows::set_administrator(change.tx, id, administrator)? {
                let what = if administrator { What::AdministratorMade } else { What::AdministratorUnmade };
                change.event(what)?;
                match administrator {
                    // Whoever made one, for somebody with fewer rights, would have an administrator's account by it.
                    true => drop(links::delete_of_account(change.tx, id)?),
                    // What they made for administering doesn't come to life again with the next change.
                    false => end_tokens_for_administrators(change)?,
                }
            }
        }
        Ok(())
    });
    edited.await?.ok_or_else(no_account)
}

fn end_tokens_for_administrators(change: &mut Change<'_, '_>) -> Result<(), Problem> {
    let id = change.account.id;
    let mut count = 0;
    for token in tokens::of_account(change.tx, id)? {
        if token.scopes.iter().any(|scope| scope.is_for_administrators()) {
            tokens::delete(change.tx, id, token.id)?;
            count += 1;
        }
    }
    if count > 0 { change.event(What::TokensRevoked { count }) } else { Ok(()) }
}

/// Adds another name that signs the account in.
///
/// # Errors
/// `not-found`; `unfit` at `alias`, also when there are as many as there can be; `conflict` at `alias` when it is taken.
pub async fn add_alias(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    alias: &str,
) -> Result<Person, Problem> {
    let alias = parse_alias(app, "alias", alias)?;
    let added = change(app, ctx, admin, who, move |change| {
        alias_is_free(change.tx, "alias", &alias)?;
        // One of the names is the ID.
        if rows::names(change.tx, change.account.id)?.len() > ALIASES_MAX {
            return Err(too_many_aliases("alias"));
        }
        rows::add_aliases(change.tx, change.account.id, std::slice::from_ref(&alias))?;
        change.event(What::AliasAdded { alias: alias.to_string() })
    });
    added.await?.ok_or_else(no_account)
}

/// Removes a name that signs the account in, but for its ID.
///
/// # Errors
/// `not-found`, when there is no such account or it has no such alias.
pub async fn remove_alias(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    alias: &str,
) -> Result<Person, Problem> {
    let alias = parse_alias(app, "alias", alias)?;
    let removed = change(app, ctx, admin, who, move |change| {
        let is_id = change.account.name == alias;
        if is_id || !rows::remove_alias(change.tx, change.account.id, &alias)? {
            let detail = format!("{alias} isn't an alias of {}.", change.account.name);
            return Err(Problem::new(Code::NotFound, detail));
        }
        change.event(What::AliasRemoved { alias: alias.to_string() })
    });
    removed.await?.ok_or_else(no_account)
}
