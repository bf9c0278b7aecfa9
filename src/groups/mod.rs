//! Groups of people, which services can be kept to.
//!
//! A group's name never changes: servers elsewhere filter by it, and would let in nobody, or somebody else, without a word. Whoever wants
//! another name makes another group, and removes this one when nothing asks for it any more.
//!
//! Other slices use [`parse_names`] and [`join_all`] (to make somebody who is in groups from the first day), and
//! `store::groups::of_account` (to show them).

use domain::{AccountId, AccountName, Actor, GroupId, GroupName, ServiceName, What};
use store::{
    Tx, accounts, events,
    groups::{self as rows, Group, Member},
};

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
};

pub mod api;
pub mod pages;
pub mod views;

/// How many groups can be named at once.
pub const AT_ONCE: usize = 1_000;

/// A group, how many are in it, and which services name it.
pub struct Listed {
    /// The group.
    pub group: Group,
    /// How many are in it.
    pub members: u64,
    /// The services that it may use and not everyone may, by name.
    pub services: Vec<ServiceName>,
}

/// Some of those in a group, and after whom the next ones come.
pub struct Page {
    /// The members, by their IDs.
    pub members: Vec<Member>,
    /// The ID after which there are more.
    pub next: Option<String>,
}

/// Every group, by name.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, _admin: &Admin) -> Result<Vec<Listed>, Problem> {
    app.store.read(|conn| {
        let mut listed = Vec::new();
        for (group, members) in rows::counted(conn)? {
            let services = rows::services(conn, group.id)?;
            listed.push(Listed { group, members, services });
        }
        Ok(listed)
    })
}

/// The group of this name.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, name: &str) -> Result<Listed, Problem> {
    app.store.read(|conn| {
        let group = find(conn, name)?;
        let (members, services) = (rows::count(conn, group.id)?, rows::services(conn, group.id)?);
        Ok(Listed { group, members, services })
    })
}

/// At most `most` of those in the group of this name, those whose IDs come after `after`.
///
/// # Errors
/// `not-found`.
pub async fn members(
    app: &App,
    _admin: &Admin,
    name: &str,
    after: &str,
    most: usize,
) -> Result<Page, Problem> {
    let (name, after) = (name.to_owned(), after.to_owned());
    let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
    let mut members = app
        .store
        .scan(move |conn| {
            let group = find(conn, &name)?;
            Ok::<_, Problem>(rows::members(conn, group.id, &after, limit)?)
        })
        .await?;
    let more = members.len() > most;
    members.truncate(most);
    let next = members.last().filter(|_| more).map(|member| member.name.to_string());
    Ok(Page { members, next })
}

fn find(conn: &mut store::Conn, name: &str) -> Result<Group, Problem> {
    let name = GroupName::parse(name).map_err(|_| no_group())?;
    rows::by_name(conn, &name)?.ok_or_else(no_group)
}

fn no_group() -> Problem {
    Problem::new(Code::NotFound, "There is no group of this name. Look at the list of groups again.")
}

/// Reads the names of groups as people type them, each once.
///
/// # Errors
/// `unfit` at `groups`, when one can't name a group, or there are more than [`AT_ONCE`].
pub fn parse_names<'a>(typed: impl Iterator<Item = &'a str>) -> Result<Vec<GroupName>, Problem> {
    let mut names = typed
        .take(AT_ONCE + 1)
        .map(GroupName::parse)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Problem::field("groups", format!("{}.", capitalised(&error.to_string()))))?;
    if names.len() > AT_ONCE {
        return Err(Problem::field("groups", format!("Name at most {AT_ONCE} groups at once.")));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The groups of these names, in a transaction that goes on to use them.
///
/// # Errors
/// `unfit` at `groups`, when there is none of such a name.
pub fn named(tx: &mut Tx<'_>, names: &[GroupName]) -> Result<Vec<Group>, Problem> {
    let mut groups = Vec::new();
    for name in names {
        let none =
            || Problem::field("groups", format!("There is no group {name}. Add it first, or leave it out."));
        groups.push(rows::by_name(tx, name)?.ok_or_else(none)?);
    }
    Ok(groups)
}

/// Puts the account into the groups of these names, each with its event, in the transaction that makes the account or changes it.
///
/// # Errors
/// `unfit` at `groups`, when there is none of such a name.
pub fn join_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    names: &[GroupName],
) -> Result<(), Problem> {
    for group in named(tx, names)? {
        join_one(tx, stamp, actor, account, &group)?;
    }
    Ok(())
}

/// Makes a group with nobody in it.
///
/// # Errors
/// `unfit` and `conflict`, at `name`.
pub async fn add(app: &App, ctx: &mut Ctx, admin: &Fresh<Admin>, name: &str) -> Result<Group, Problem> {
    let name = GroupName::parse(name)
        .map_err(|error| Problem::field("name", format!("That can't be the name: {error}.")))?;
    let group = Group { id: GroupId::new(ctx.stamp.now, &mut ctx.rng), name, created_at: ctx.stamp.now };
    let (stamp, actor, row) = (ctx.stamp.clone(), admin.who().actor, group.clone());
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            if rows::by_name(tx, &row.name)?.is_some() {
                let detail = format!("There is already a group {}. Choose another name.", row.name);
                return Err(Problem { code: Code::Conflict, ..Problem::field("name", detail) });
            }
            rows::insert(tx, &row)?;
            let what = What::GroupAdded { id: row.id, name: row.name.to_string() };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await?;
    Ok(group)
}

/// Removes a group: everybody leaves it first.
///
/// A group that a service names stays. Were it the last one, the service would have to be closed to all or be open to all, and nobody would
/// have said which; who may use a service is changed at the service alone.
///
/// # Errors
/// `not-found`; `conflict` while a service names it.
pub async fn remove(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, name: &str) -> Result<(), Problem> {
    let (stamp, name) = (ctx.stamp.clone(), name.to_owned());
    let Admin { actor, reach } = *admin.who();
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let group = find(tx, &name)?;
            let services = rows::services(tx, group.id)?;
            if !services.is_empty() {
                return Err(still_named(&group.name, &services));
            }
            for account in rows::member_ids(tx, group.id)? {
                reach.over(accounts::by_id(tx, account)?.is_some_and(|account| account.administrator))?;
                leave_one(tx, &stamp, actor, account, &group)?;
            }
            rows::delete(tx, group.id)?;
            let what = What::GroupRemoved { id: group.id, name: group.name.to_string() };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await
}

/// The group of this name, if it can be removed.
///
/// # Errors
/// `not-found`; `conflict` while a service names it.
pub fn removable(app: &App, admin: &Admin, name: &str) -> Result<Listed, Problem> {
    let listed = get(app, admin, name)?;
    if listed.services.is_empty() {
        Ok(listed)
    } else {
        Err(still_named(&listed.group.name, &listed.services))
    }
}

fn still_named(group: &GroupName, services: &[ServiceName]) -> Problem {
    let names = said(services.iter().map(ServiceName::as_str));
    let them = if services.len() == 1 { "that service" } else { "those services" };
    Problem::new(
        Code::Conflict,
        format!(
            "{group} is one of the groups that may use {names}. Take it from {them} first, then remove it."
        ),
    )
}

/// Names as people say them: "dav", "dav and mail", "dav, files and mail".
pub fn said<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        None => "nothing".into(),
        Some((last, [])) => (*last).into(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Puts somebody into the group. Being in it already is as well.
///
/// # Errors
/// `not-found` when there is no such group, or at `account` when there is no such account.
pub async fn join(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    group: &str,
    account: &str,
) -> Result<(Group, accounts::Account), Problem> {
    change(app, ctx, admin, group, account, |tx, stamp, actor, group, account| {
        join_one(tx, stamp, actor, account.id, group)
    })
    .await
}

/// Takes somebody out of the group.
///
/// # Errors
/// `not-found` when there is no such group; at `account` when there is no such account, or it isn't in the group.
pub async fn leave(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    group: &str,
    account: &str,
) -> Result<(Group, accounts::Account), Problem> {
    change(app, ctx, admin, group, account, |tx, stamp, actor, group, account| {
        if leave_one(tx, stamp, actor, account.id, group)? {
            return Ok(());
        }
        Err(not_in(account, group))
    })
    .await
}

/// The services that somebody can use now, and couldn't if they left the group.
///
/// # Errors
/// As [`leave`] has them.
pub fn losing(app: &App, _admin: &Admin, group: &str, account: &str) -> Result<Vec<ServiceName>, Problem> {
    let name = AccountName::parse(account, app.default_domain());
    app.store.read(|conn| {
        let group = find(conn, group)?;
        let account = find_account(conn, name.as_ref().ok())?;
        let mut theirs: Vec<_> =
            rows::of_account(conn, account.id)?.into_iter().map(|group| group.id).collect();
        if !theirs.contains(&group.id) {
            return Err(not_in(&account, &group));
        }
        theirs.retain(|id| *id != group.id);
        let mut lost = Vec::new();
        for service in rows::services(conn, group.id)? {
            let Some(row) = store::services::by_name(conn, &service)? else { continue };
            if !rows::of_service(conn, row.id)?.iter().any(|allowed| theirs.contains(&allowed.id)) {
                lost.push(service);
            }
        }
        Ok(lost)
    })
}

fn find_account(conn: &mut store::Conn, name: Option<&AccountName>) -> Result<accounts::Account, Problem> {
    let account = name.map(|name| accounts::by_name(conn, name)).transpose()?.flatten();
    account.ok_or_else(|| {
        let detail = "There is no account of this ID. Check how it is written, or make the account first.";
        Problem { field: Some("account"), ..Problem::new(Code::NotFound, detail) }
    })
}

fn not_in(account: &accounts::Account, group: &Group) -> Problem {
    let detail = format!("{} isn't in {}. Look at the group again.", account.name, group.name);
    Problem { field: Some("account"), ..Problem::new(Code::NotFound, detail) }
}

/// Finds the group and the account, whatever of its names is given, and does with them what is to be done, in one transaction.
async fn change(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    group: &str,
    account: &str,
    work: impl Fn(&mut Tx<'_>, &Stamp, Actor, &Group, &accounts::Account) -> Result<(), Problem> + Send + 'static,
) -> Result<(Group, accounts::Account), Problem> {
    let (stamp, group) = (ctx.stamp.clone(), group.to_owned());
    let Admin { actor, reach } = *admin.who();
    let name = AccountName::parse(account, app.default_domain()).ok();
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let group = find(tx, &group)?;
            let account = find_account(tx, name.as_ref())?;
            reach.over(account.administrator)?;
            work(tx, &stamp, actor, &group, &account)?;
            Ok((group, account))
        })
        .await
}

fn join_one(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    group: &Group,
) -> Result<(), Problem> {
    if rows::join(tx, group.id, account, stamp.now)? {
        let what = What::GroupJoined { id: group.id, name: group.name.to_string() };
        events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
    }
    Ok(())
}

/// False when the account isn't in the group.
fn leave_one(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    group: &Group,
) -> Result<bool, Problem> {
    if !rows::leave(tx, group.id, account)? {
        return Ok(false);
    }
    let what = What::GroupLeft { id: group.id, name: group.name.to_string() };
    events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
    Ok(true)
}
