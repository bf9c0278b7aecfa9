//! Importing people from a table (CSV): all of them are invited, or, with anything wrong in any row, none.

use std::collections::HashMap;

use domain::{AccountName, GroupName, What};
use store::{
    Conn, DbError, Tx,
    accounts::{self as rows, Account},
    events,
    groups::{self as group_rows, Group},
};

use super::Invitee;
use crate::{
    access::{Admin, Fresh},
    accounts::{
        NewAccount, invitations,
        links::{Handed, LinkRow},
    },
    app::App,
    ctx::{Ctx, Stamp},
    problem::Problem,
};

/// How many people one import takes. It is one transaction, and every other change waits for it.
pub const MOST: usize = 2_000;

/// The most that a request with a table holds, in bytes.
pub const BODY_MOST: usize = 4 * 1024 * 1024;

/// What columns there can be.
const COLUMNS: [&str; 5] = ["id", "name", "groups", "aliases", "administrator"];

/// After how many rows other requests get their turn.
const AT_ONCE: usize = 500;

/// What became of a row.
pub enum Outcome {
    /// Nothing stands in its way; nothing was done.
    Fine,
    /// Its person is invited.
    Invited(Handed),
    /// Why it can't be imported, and what to do.
    Wrong(String),
}

/// A row of the table, and what became of it.
pub struct Line {
    /// On which line it begins.
    pub line: u64,
    /// The ID in it, as it stands there.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// A row as it was read.
struct Row {
    line: u64,
    id: String,
    invitee: Result<Invitee, String>,
}

/// Reads a file's bytes as text.
///
/// # Errors
/// Says which other form they seem to be in, and what to do.
pub fn text_of(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.contains(&0) {
        return Err(
            "is in UTF-16, or no text at all. Save it as UTF-8 (spreadsheets call that “CSV UTF-8”), and try again.",
        );
    }
    String::from_utf8(bytes).map_err(|_| {
        "isn't in UTF-8, but in an older form such as Latin-1 or Windows-1252. Save it as UTF-8 (spreadsheets call that “CSV \
         UTF-8”), and try again."
    })
}

/// Says what an import would come to, and does nothing.
///
/// # Errors
/// `unfit` at `csv` when the table can't be read at all.
pub async fn check(app: &App, _admin: &Admin, csv: &str) -> Result<Vec<Line>, Problem> {
    let mut rows = read(app, csv).await?;
    rows = app
        .store
        .scan(move |conn| {
            compare(conn, &mut rows)?;
            Ok::<_, DbError>(rows)
        })
        .await?;
    let lines = rows.into_iter().map(|row| Line {
        line: row.line,
        id: row.id,
        outcome: row.invitee.map_or_else(Outcome::Wrong, |_| Outcome::Fine),
    });
    Ok(lines.collect())
}

/// Somebody who is about to be imported.
struct Prepared {
    account: Account,
    aliases: Vec<AccountName>,
    groups: Vec<GroupName>,
    link: LinkRow,
}

/// Invites everybody in the table, in one transaction.
///
/// # Errors
/// `unfit` at `csv` when the table can't be read at all, or when any row is wrong; then it names each of them.
pub async fn import(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    csv: &str,
    show_links: bool,
) -> Result<Vec<Line>, Problem> {
    // Everything that can be found wrong without keeping others waiting is found first.
    let checked = check(app, admin.who(), csv).await?;
    refuse_wrong(&checked)?;
    let actor = admin.who().actor;
    let (mut prepared, mut links) = (Vec::new(), Vec::new());
    for (n, row) in read(app, csv).await?.into_iter().enumerate() {
        let Ok(invitee) = row.invitee else { continue };
        admin.who().reach.over(invitee.account.administrator)?;
        let account = invitations::waiting(app, ctx, invitee.account);
        let link = invitations::link(app, ctx, &account, actor);
        let (aliases, groups) = (invitee.aliases, invitee.groups);
        prepared.push(Prepared { account, aliases, groups, link: link.row.clone() });
        links.push((row.line, row.id, link));
        if n % AT_ONCE == AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
    }
    let stamp = ctx.stamp.clone();
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            insert_all(tx, &stamp, actor, &prepared, &checked)
        })
        .await?;
    let lines = links.into_iter().map(|(line, id, link)| Line {
        line,
        id,
        outcome: Outcome::Invited(link.hand_on(app, show_links)),
    });
    Ok(lines.collect())
}

/// Stores all of them, with as few ways to the database as that takes: every other change waits for it.
fn insert_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: domain::Actor,
    people: &[Prepared],
    lines: &[Line],
) -> Result<(), Problem> {
    still_fit(tx, people, lines)?;
    let accounts: Vec<_> = people.iter().map(|person| (&person.account, &*person.aliases)).collect();
    rows::insert_all(tx, &accounts)?;
    LinkRow::insert_first(tx, people.iter().map(|person| &person.link), stamp.now)?;
    let (groups, mut memberships, mut new) = (known_groups(tx, people)?, Vec::new(), Vec::new());
    for (person, line) in people.iter().zip(lines) {
        let id = person.account.id;
        let what = What::AccountInvited {
            name: person.account.name.to_string(),
            administrator: person.account.administrator,
            expires_at: person.link.link.expires_at,
        };
        new.push(stamp.event(Some(id), actor, what));
        for name in &person.groups {
            let Some(group) = groups.get(name) else {
                return Err(meanwhile(line, no_group(name)));
            };
            memberships.push((group.id, id));
            let what = What::GroupJoined { id: group.id, name: group.name.to_string() };
            new.push(stamp.event(Some(id), actor, what));
        }
    }
    group_rows::join_all(tx, &memberships, stamp.now)?;
    Ok(events::append_all(tx, stamp.now, new)?)
}

/// Checks that nobody else has got one of the names since the table was looked at.
fn still_fit(tx: &mut Tx<'_>, people: &[Prepared], lines: &[Line]) -> Result<(), Problem> {
    let names = |person: &'_ Prepared| 1 + person.aliases.len();
    let all: Vec<_> =
        people.iter().flat_map(|person| [&person.account.name].into_iter().chain(&person.aliases)).collect();
    let mut taken = taken(tx, &all)?.into_iter();
    for (person, line) in people.iter().zip(lines) {
        if let Some(why) = taken.by_ref().take(names(person)).flatten().next() {
            return Err(meanwhile(line, why));
        }
    }
    Ok(())
}

/// The groups that these people are to be in, as far as there are such.
fn known_groups(conn: &mut Conn, people: &[Prepared]) -> Result<HashMap<GroupName, Group>, DbError> {
    let mut known = HashMap::new();
    for name in people.iter().flat_map(|person| &person.groups) {
        if !known.contains_key(name)
            && let Some(group) = group_rows::by_name(conn, name)?
        {
            known.insert(name.clone(), group);
        }
    }
    Ok(known)
}

fn no_group(name: &GroupName) -> String {
    format!("there is no group {name}. Add it first, or leave it out.")
}

/// What was found wrong only in the transaction, because it came about since the table was looked at.
fn meanwhile(line: &Line, why: String) -> Problem {
    Problem::field("csv", format!("Nothing was imported. Line {}, {}: {why}", line.line, line.id))
}

/// Refuses a table with wrong rows.
///
/// # Errors
/// `unfit` at `csv`, with a line for each wrong row.
pub fn refuse_wrong(lines: &[Line]) -> Result<(), Problem> {
    let wrong: Vec<_> = lines
        .iter()
        .filter_map(|line| match &line.outcome {
            Outcome::Wrong(why) => Some(format!("Line {}, {}: {why}", line.line, line.id)),
            Outcome::Fine | Outcome::Invited(_) => None,
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let rows = if wrong.len() == 1 { "1 row is".into() } else { format!("{} rows are", wrong.len()) };
    let detail = format!("Nothing was imported: {rows} wrong.\n{}", wrong.join("\n"));
    Err(Problem::field("csv", detail))
}

/// Reads the table: columns in any order, a comma or a semicolon between.
async fn read(app: &App, csv: &str) -> Result<Vec<Row>, Problem> {
    let wrong = |text: String| Problem::field("csv", text);
    let text = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        _ => return Err(wrong(format!("The table is empty. Begin it with a line of columns: {}.", known()))),
    };
    let columns = columns(&header).map_err(wrong)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: HashMap<AccountName, u64> = HashMap::new();
    let mut counted = Counted { byte: 0, line: 1 };
    for record in records {
        let record = record.map_err(|error| wrong(format!("The table can't be read: {error}.")))?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        if rows.len() == MOST {
            return Err(wrong(format!(
                "The table has more than {MOST} people, the most that one import takes. Split it into several."
            )));
        }
        let line = counted.line(text, record.position().map_or(0, csv::Position::byte));
        let of = |column: &str| {
            let place = columns.iter().position(|known| known == column);
            place.and_then(|place| record.get(place)).unwrap_or_default()
        };
        let id = of("id").to_owned();
        let invitee = if record.len() == columns.len() {
            read_row(app, of).and_then(|invitee| once(&mut seen, line, invitee))
        } else {
            Err(format!(
                "it has {} fields, and the first line has {}. A field with a separator in it stands in quotes.",
                record.len(),
                columns.len()
            ))
        };
        rows.push(Row { line, id, invitee });
        if rows.len().is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    if rows.is_empty() {
        return Err(wrong("The table has a line of columns, and nobody below it.".into()));
    }
    Ok(rows)
}

/// Up to where lines were counted. A record, as it is read, begins with the line ends before it.
struct Counted {
    byte: usize,
    line: u64,
}

impl Counted {
    /// On which line the record that begins at this byte stands.
    fn line(&mut self, text: &str, byte: u64) -> u64 {
        let rest = usize::try_from(byte).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
        let begins = text.len() - rest.trim_start_matches(['\r', '\n']).len();
        let ends = text.get(self.byte..begins).unwrap_or_default().matches('\n').count();
        self.byte = begins;
        self.line += u64::try_from(ends).unwrap_or(u64::MAX);
        self.line
    }
}

fn known() -> String {
    COLUMNS.join(", ")
}

/// Reads the line of columns.
fn columns(header: &csv::StringRecord) -> Result<Vec<String>, String> {
    let columns: Vec<_> = header.iter().map(str::to_lowercase).collect();
    for (place, column) in columns.iter().enumerate() {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(format!("There is no column “{column}”. Those that there can be are {}.", known()));
        }
        if columns.iter().take(place).any(|before| before == column) {
            return Err(format!("The column “{column}” is there twice. Leave one of them out."));
        }
    }
    match ["id", "name"].iter().find(|needed| !columns.iter().any(|column| column == *needed)) {
        Some(missing) => {
            Err(format!("The column “{missing}” is missing. The first line names the columns: {}.", known()))
        }
        None => Ok(columns),
    }
}

/// Several words in one field: neither a name of an account nor one of a group has any of these in it.
fn words(field: &str) -> impl Iterator<Item = &str> {
    field.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|word| !word.is_empty())
}

fn read_row<'a>(app: &App, of: impl Fn(&str) -> &'a str) -> Result<Invitee, String> {
    let administrator = match of("administrator").to_lowercase().as_str() {
        "" | "no" | "false" | "0" => false,
        "yes" | "true" | "1" => true,
        _ => return Err("“administrator” is yes or no.".into()),
    };
    NewAccount::parse(app, of("id"), of("name"), administrator)
        .and_then(|new| Invitee::parse(app, new, words(of("aliases")), words(of("groups"))))
        .map_err(|problem| problem.detail)
}

/// Checks that no name stands in the table twice.
fn once(seen: &mut HashMap<AccountName, u64>, line: u64, invitee: Invitee) -> Result<Invitee, String> {
    for name in [&invitee.account.name].into_iter().chain(&invitee.aliases) {
        if let Some(before) = seen.get(name) {
            return Err(format!("{name} is on line {before} already. A name belongs to one person."));
        }
    }
    for name in [&invitee.account.name].into_iter().chain(&invitee.aliases) {
        seen.insert(name.clone(), line);
    }
    Ok(invitee)
}

/// For each of these names, why it can't be given to somebody new, if it can't.
fn taken(conn: &mut Conn, names: &[&AccountName]) -> Result<Vec<Option<String>>, DbError> {
    let why = |(name, taken): (&&AccountName, Account)| match taken.name == **name {
        true => format!("there is already an account {name}. Take the row out, or choose another ID."),
        false => format!("{name} is an alias of {}. Take it out here, or there.", taken.name),
    };
    let found = names.iter().zip(rows::by_names(conn, names)?);
    Ok(found.map(|(name, taken)| taken.map(|taken| why((name, taken)))).collect())
}

/// Compares the rows with the data: what stands in the way of one makes it wrong.
fn compare(conn: &mut Conn, rows: &mut [Row]) -> Result<(), DbError> {
    let fine = rows.iter().filter_map(|row| row.invitee.as_ref().ok());
    let names: Vec<_> =
        fine.flat_map(|invitee| [&invitee.account.name].into_iter().chain(&invitee.aliases)).collect();
    let mut taken = taken(conn, &names)?.into_iter();
    let mut known: HashMap<GroupName, bool> = HashMap::new();
    for row in rows {
        let Ok(invitee) = &row.invitee else { continue };
        let mut wrong = None;
        for why in taken.by_ref().take(1 + invitee.aliases.len()) {
            wrong = wrong.or(why);
        }
        for group in &invitee.groups {
            let there = match known.get(group) {
                Some(there) => *there,
                None => {
                    let there = group_rows::by_name(conn, group)?.is_some();
                    known.insert(group.clone(), there);
                    there
                }
            };
            if !there {
                wrong = wrong.or_else(|| Some(no_group(group)));
            }
        }
        if let Some(why) = wrong {
            row.invitee = Err(why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_told_by_name() {
        let of = |bytes: &[u8]| text_of(bytes.to_vec());
        assert_eq!(of("id,name\nö@example.org,Ö".as_bytes()).as_deref(), Ok("id,name\nö@example.org,Ö"));
        for utf16 in [&b"\xff\xfei\0d\0"[..], b"\xfe\xff\0i\0d", b"i\0d\0"] {
            assert!(of(utf16).unwrap_err().contains("UTF-16"), "{utf16:?}");
        }
        assert!(of(b"id,name\n\xf6@example.org,x").unwrap_err().contains("Latin-1"));
    }

    #[test]
    fn columns_stand_in_any_order_and_are_known() {
        let of = |header: &[&str]| columns(&csv::StringRecord::from(header.to_vec()));
        assert_eq!(of(&["NAME", "id", "groups"]), Ok(vec!["name".into(), "id".into(), "groups".into()]));
        assert!(
            of(&["id", "name", "mail"]).unwrap_err().contains("id, name, groups, aliases, administrator")
        );
        assert!(of(&["id", "name", "ID"]).unwrap_err().contains("twice"));
        assert!(of(&["id"]).unwrap_err().contains("“name” is missing"));
    }

    #[test]
    fn one_field_holds_several_words() {
        assert_eq!(words(" a, b;c  d ,,").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
