//! The task that turns the log into letters: what happened to an account is mailed to its person, and what a project's builds no longer use
//! to the project's admins.
//!
//! It reads on from the event that it has reached. The letters are queued in the transaction that writes down how far it has come, so
//! that each is queued once, whenever Doorkey ends; from then on it is as with all mail. Without mail configured nothing is kept, and
//! where mail is configured later, or a backup was restored, it begins with what happens from then on.

use std::{net::IpAddr, sync::Arc, time::Duration};

use domain::{AccountId, Actor, Event, MailId, RequestId, Timestamp, What};
use ipnet::IpNet;
use store::{
    Conn, DbError, Tx, accounts,
    accounts::State,
    events::{self, Filter, Last},
    mails::{self, Mail},
    notices::{self as rows, Lately},
    projects,
};

use super::{letter::Letter, notice, place};
use crate::{
    app::App,
    ctx::Ctx,
    problem::Problem,
    projects::{connections::Unused, team_pages::team_of},
};

/// How many events are read at a time.
const AT_ONCE: i64 = 200;
/// How many events without a letter may be read again after a start.
const READ_AGAIN: i64 = 1_000;
/// What is older isn't written about any more, and a letter that waits longer isn't sent.
const POINTLESS_DAYS: i64 = 2;
/// The time for which letters to an account are counted, in minutes.
const LATELY_MINUTES: i64 = 60;
/// How many letters an account gets in that time: of whatever kind.
const MOST: i64 = 30;
/// How many of them when they aren't about the password, the second factor or the account itself: those always have room.
const MOST_USUAL: i64 = 10;
/// For how many days it is remembered what somebody signed in with.
const KNOWN_DAYS: i64 = 90;
/// How many of the account's sign-ins are looked through for that.
const KNOWN_MOST: i64 = 500;
/// How long until it is looked whether something is to be summed up, or what failed is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// Begins where the log ends now, or goes on from where it was; without mail configured, ends. To be called before anything can happen.
///
/// # Errors
/// As the database has them.
pub async fn begin(app: &App) -> Result<(), Problem> {
    let on = app.config.mail.is_some();
    app.store
        .write(move |tx| {
            let (last, reached) = (events::last(tx)?, rows::reached(tx)?);
            match reached {
                Some(at) if on && at.epoch == last.epoch && at.number <= last.number => Ok(()),
                None if !on => Ok(()),
                _ => Ok(rows::begin(tx, on.then_some(last))?),
            }
        })
        .await
}

/// Keeps going until the server is to stop.
pub async fn run(app: Arc<App>) {
    if app.config.mail.is_none() {
        return;
    }
    let mut end = app.live.end.follow();
    let mut read_to = 0;
    loop {
        let done = async {
            sum_up(&app).await?;
            while !app.live.end.is_stopping() && go_on(&app, &mut read_to).await? {}
            Ok::<_, Problem>(())
        };
        if done.await.is_err() {
            tracing::warn!("what happened can't be turned into letters; it is tried again");
        }
        if app.live.end.is_stopping() || tokio::time::timeout(PAUSE, end.more()).await == Ok(false) {
            return;
        }
    }
}

/// What is to be queued.
struct Draft {
    account: AccountId,
    rank: notice::Rank,
    mail: Mail,
}

/// What was read.
struct Read {
    from: Last,
    to: i64,
    more: bool,
    letters: Vec<Written>,
}

/// A letter about events, not yet sealed.
struct Written {
    account: AccountId,
    recipient: String,
    at: Timestamp,
    rank: notice::Rank,
    letter: Letter,
}

/// Turns the next events into letters; true when there may be more of them. `read_to` is how far has been read, which is only written
/// down with a letter, or now and then.
async fn go_on(app: &Arc<App>, read_to: &mut i64) -> Result<bool, Problem> {
    let (server, now, after) = (app.config.http.public_url.to_string(), app.clock.now(), *read_to);
    let Some(read) = app.store.scan(move |conn| read(conn, &server, now, after)).await? else {
        return Ok(false);
    };
    let Read { from, to, more, letters } = read;
    if !letters.is_empty() || to - from.number > READ_AGAIN {
        let mut ctx = Ctx::own(app)?;
        let drafts: Vec<_> = letters.into_iter().map(|written| seal(app, &mut ctx, written)).collect();
        let queued = app
            .store
            .write(move |tx| match rows::advance(tx, from, to)? {
                true => queue(tx, &drafts, now),
                // Somebody began anew meanwhile.
                false => Ok(0),
            })
            .await?;
        if queued > 0 {
            app.mailer.wake();
        }
    }
    *read_to = to;
    Ok(more)
}

fn read(conn: &mut Conn, server: &str, now: Timestamp, after: i64) -> Result<Option<Read>, Problem> {
    let Some(from) = rows::reached(conn)? else { return Ok(None) };
    let last = events::last(conn)?;
    let after = after.max(from.number);
    let mut found = events::oldest(conn, &Filter::default(), after, last.number, AT_ONCE)?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found >= AT_ONCE);
    if more {
        whole_requests(&mut found);
    }
    let Some(newest) = found.last() else { return Ok(None) };
    let (to, pointless) = (newest.number, now.plus_days(-POINTLESS_DAYS));
    let mut letters = to_admins(conn, server, &found, pointless)?;
    for ((_, account), events) in by_request(found) {
        let told: Vec<_> = of_interest(conn, events, pointless)?;
        let Some(account) = accounts::by_id(conn, account)?.filter(|account| account.state != State::Invited)
        else {
            continue;
        };
        let (id, name) = (account.name.as_str(), account.display_name.as_str());
        let at = told.first().map(|event| event.at);
        if let Some(((rank, letter), at)) = notice::letter(server, id, name, &told).zip(at) {
            letters.push(Written { account: account.id, recipient: id.into(), at, rank, letter });
        }
    }
    Ok(Some(Read { from, to, more, letters }))
}

/// What is told to an admin of a project: the event, the sentence about it, and the project's page.
type Told<'e> = (&'e Event, String, String);

/// What builds of projects no longer use, to those who can choose something else: all of the project's admins but whoever did it. One letter
/// to each about all of a request.
fn to_admins(
    conn: &mut Conn,
    server: &str,
    events: &[Event],
    pointless: Timestamp,
) -> Result<Vec<Written>, Problem> {
    let mut of_each: Vec<((RequestId, AccountId), Vec<Told<'_>>)> = Vec::new();
    for event in events.iter().filter(|event| event.at > pointless) {
        let What::ConnectionUnused { project, project_name, .. } = &event.what else { continue };
        let Some(unused) = Unused::read(conn, event)? else { continue };
        for member in projects::members(conn, *project)? {
            let admin = member.role.administers() && member.state == State::Active;
            if !admin || event.actor == Actor::Account(member.account) {
                continue;
            }
            let told = (event, format!("{}.", unused.sentence(project_name)), team_of(*project));
            let key = (event.request, member.account);
            match of_each.iter_mut().find(|(of, _)| *of == key) {
                Some((_, all)) => all.push(told),
                None => of_each.push((key, vec![told])),
            }
        }
    }
    let mut letters = Vec::new();
    for ((_, account), told) in of_each {
        let (Some((first, _, page)), Some(account)) = (told.first(), accounts::by_id(conn, account)?) else {
            continue;
        };
        let (id, name) = (account.name.as_str(), account.display_name.as_str());
        let sentences = told.iter().map(|(_, sentence, _)| sentence.clone()).collect();
        let (rank, letter) = notice::to_admin(server, name, &first.what, sentences, page, first.at);
        letters.push(Written { account: account.id, recipient: id.into(), at: first.at, rank, letter });
    }
    Ok(letters)
}

/// Leaves out those of the last request, of which more may follow; not when there is no other.
fn whole_requests(events: &mut Vec<Event>) {
    let Some(last) = events.last().map(|event| event.request) else { return };
    if let Some(before) = events.iter().rposition(|event| event.request != last) {
        events.truncate(before + 1);
    }
}

/// Those that belong to an account, by request and account, each in the order of the log.
fn by_request(events: Vec<Event>) -> Vec<((RequestId, AccountId), Vec<Event>)> {
    let mut groups: Vec<((RequestId, AccountId), Vec<Event>)> = Vec::new();
    for event in events {
        let Some(account) = event.account else { continue };
        let key = (event.request, account);
        match groups.iter_mut().find(|(of, _)| *of == key) {
            Some((_, group)) => group.push(event),
            None => groups.push((key, vec![event])),
        }
    }
    groups
}

/// Those of one request and account that there is a point in writing about.
fn of_interest(conn: &mut Conn, events: Vec<Event>, pointless: Timestamp) -> Result<Vec<Event>, DbError> {
    // Whoever has just been given an account is told by whoever gave it to them.
    let begins =
        |event: &Event| matches!(event.what, What::AccountAdded { .. } | What::AccountInvited { .. });
    if events.iter().any(begins) {
        return Ok(Vec::new());
    }
    let trusts = events.iter().any(|event| matches!(event.what, What::BrowserTrusted { .. }));
    let mut told = Vec::new();
    for event in events.into_iter().filter(|event| event.at > pointless && notice::concerns(event)) {
        let wanted = match &event.what {
            What::SignedIn { .. } => !trusts && is_new_sign_in(conn, &event)?,
            What::SignInRefused { .. } => !was_told_today(conn, &event)?,
            _ => true,
        };
        if wanted {
            told.push(event);
        }
    }
    Ok(told)
}

/// Whether it is the first one with this browser or program from this network for a long time. A trusted browser is known, and the very
/// first sign-in of an account follows its being set up.
fn is_new_sign_in(conn: &mut Conn, event: &Event) -> Result<bool, DbError> {
    let What::SignedIn { agent, trusted_browser: false } = &event.what else { return Ok(false) };
    let before = Filter { account: event.account, kind: Some("signed_in".into()), ..Filter::default() };
    let lately = Filter { from: Some(event.at.plus_days(-KNOWN_DAYS)), ..before.clone() };
    let known = events::newest(conn, &lately, event.number, KNOWN_MOST)?;
    if known.is_empty() {
        return Ok(!events::newest(conn, &before, event.number, 1)?.is_empty());
    }
    let here = network(event.source.as_deref());
    Ok(!known.iter().any(|one| {
        matches!(&one.what, What::SignedIn { agent: with, .. } if with == agent)
            && network(one.source.as_deref()) == here
    }))
}

/// The network that somebody keeps for a while, whichever address they have in it.
fn network(source: Option<&str>) -> Option<IpNet> {
    let address: IpAddr = source?.parse().ok()?;
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).ok().map(|net| net.trunc())
}

/// Whether the same was in the log the day before: whoever doesn't finish signing in isn't told each time.
fn was_told_today(conn: &mut Conn, event: &Event) -> Result<bool, DbError> {
    let same = Filter {
        account: event.account,
        kind: Some("sign_in_refused".into()),
        from: Some(event.at.plus_days(-1)),
        ..Filter::default()
    };
    let before = events::newest(conn, &same, event.number, KNOWN_MOST)?;
    let reason = |what: &What| match what {
        What::SignInRefused { reason, .. } => Some(*reason),
        _ => None,
    };
    Ok(before.iter().any(|one| reason(&one.what) == reason(&event.what)))
}

fn seal(app: &App, ctx: &mut Ctx, written: Written) -> Draft {
    let Written { account, recipient, at, rank, letter } = written;
    let id = MailId::new(ctx.stamp.now, &mut ctx.rng);
    let mail = Mail {
        id,
        account: Some(account),
        about: letter.about.clone(),
        recipient,
        letter_sealed: app.keyring.seal(place(&id.to_bytes()), &letter.to_bytes(), &mut ctx.rng),
        created_at: at,
        expires_at: at.plus_days(POINTLESS_DAYS),
        attempts: 0,
        next_at: at,
        answer: None,
        given_up_at: None,
    };
    Draft { account, rank, mail }
}

/// Queues them, but for those of which there have been too many; tells how many were queued.
fn queue(tx: &mut Tx<'_>, drafts: &[Draft], now: Timestamp) -> Result<usize, Problem> {
    let mut queued = 0;
    for draft in drafts {
        if accounts::by_id(tx, draft.account)?.is_none() {
            continue;
        }
        let sent = match rows::lately(tx, draft.account)? {
            Some(lately) => lately.sent,
            None => {
                rows::begin_lately(tx, draft.account, now)?;
                0
            }
        };
        if sent >= if draft.rank.is_grave() { MOST } else { MOST_USUAL } {
            rows::held(tx, draft.account)?;
            continue;
        }
        rows::sent(tx, draft.account)?;
        mails::insert_first(tx, &[&draft.mail])?;
        queued += 1;
    }
    Ok(queued)
}

/// Ends the counting for accounts for which it has gone on for its time. What went without a letter is told in one.
async fn sum_up(app: &Arc<App>) -> Result<(), Problem> {
    let now = app.clock.now();
    loop {
        let over =
            app.store.read(|conn| rows::over(conn, now.plus_minutes(-LATELY_MINUTES), now, AT_ONCE))?;
        if over.is_empty() {
            return Ok(());
        }
        let mut ctx = Ctx::own(app)?;
        let sums: Vec<_> = over
            .into_iter()
            .map(|lately| Ok((lately, sum(app, &mut ctx, lately, now)?)))
            .collect::<Result<_, Problem>>()?;
        let queued = app
            .store
            .write(move |tx| {
                let mut queued = 0;
                for (lately, mail) in &sums {
                    // Where something has come to it meanwhile, it is looked at again.
                    if rows::delete(tx, lately)?
                        && let Some(mail) = mail
                    {
                        mails::insert_first(tx, &[mail])?;
                        queued += 1;
                    }
                }
                Ok::<_, Problem>(queued)
            })
            .await?;
        if queued > 0 {
            app.mailer.wake();
        }
    }
}

/// The letter that sums up, if there is something to, and still a point in it.
fn sum(app: &App, ctx: &mut Ctx, lately: Lately, now: Timestamp) -> Result<Option<Mail>, Problem> {
    if lately.held == 0 || lately.began_at <= now.plus_days(-POINTLESS_DAYS) {
        return Ok(None);
    }
    let Some(account) = app.store.read(|conn| accounts::by_id(conn, lately.account))? else {
        return Ok(None);
    };
    let (server, id, name) =
        (app.config.http.public_url.as_str(), account.name.as_str(), account.display_name.as_str());
    let letter = notice::sum(server, id, name, lately.held, &lately.began_at.exact());
    let written = Written {
        account: account.id,
        recipient: id.into(),
        at: now,
        rank: notice::Rank::AppPassword,
        letter,
    };
    Ok(Some(seal(app, ctx, written).mail))
}
