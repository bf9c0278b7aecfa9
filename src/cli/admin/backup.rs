//! `doorkey admin backup`

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::backup::file::{Backup, FileError, Given};
use crate::backup::format::{End, Header};
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::plain;
use crate::cli::{Place, local};
use crate::{clock, key};

const HELP: &str = "The file is as secret as the database: names, labels, addresses. What is sealed in it needs the key \
                    file, which is not part of it: keep a copy of that somewhere else.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Where to write it, a new file; - is standard output
    file: PathBuf,
    /// Say what this file holds, and whether the key opens it, instead of writing one
    #[arg(long)]
    describe: bool,
    /// Print what it holds as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    if args.describe {
        return describe(args, place, console);
    }
    if args.file.as_os_str() == "-" {
        let mut seen = Seen::default();
        fetch(place, &mut seen, &mut console.out).await?;
        let header = seen.header()?;
        console.note(&written("standard output", &header, seen.bytes));
        return Ok(());
    }
    let mut file = NewFile::create(&args.file)?;
    let mut seen = Seen::default();
    fetch(place, &mut seen, &mut file.file).await?;
    let header = seen.header()?;
    file.keep()?;
    if args.json {
        let mut answer = described(&header);
        if let Some(members) = answer.as_object_mut() {
            members.insert("file".into(), args.file.display().to_string().into());
            members.insert("bytes".into(), seen.bytes.into());
        }
        return console.json(&answer);
    }
    console.say(&written(&args.file.display().to_string(), &header, seen.bytes))
}

async fn fetch(place: &Place, seen: &mut Seen, out: &mut dyn Write) -> Result<(), Failure> {
    let client = local::connect(place, false).await?;
    let mut write = |chunk: Bytes| {
        seen.take(&chunk);
        out.write_all(&chunk)
    };
    let fetched = client.download("/machine/backup", &mut write).await;
    client.close().await;
    fetched?;
    out.flush().map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Refused(format!("The backup can't be written: {error}.")),
    }
}

/// What passes by of a backup: its first line, its last one, how long it is.
#[derive(Default)]
struct Seen {
    first: Vec<u8>,
    first_is_whole: bool,
    last: Vec<u8>,
    ended: bool,
    bytes: u64,
}

impl Seen {
    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        for line in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.ended {
                self.last.clear();
            }
            self.ended = line.ends_with(b"\n");
            self.last.extend_from_slice(line);
            if !self.first_is_whole {
                self.first.extend_from_slice(line);
                self.first_is_whole = self.ended;
            }
        }
    }

    /// What it holds, if its last line has passed.
    fn header(&self) -> Result<Header, Failure> {
        let whole = self.ended && serde_json::from_slice::<End>(&self.last).is_ok();
        let header = serde_json::from_slice(&self.first).ok().filter(|_| whole);
        header.ok_or_else(|| {
            Failure::Unreachable(
                "The backup broke off, so it is of no use. The server's log says why; try again.".into(),
            )
        })
    }
}

/// A file that is nobody else's and takes its name only when all of it is on the disk.
struct NewFile {
    file: File,
    name: PathBuf,
    temporary: Option<PathBuf>,
}

impl NewFile {
    fn create(name: &Path) -> Result<Self, Failure> {
        if fs::symlink_metadata(name).is_ok() {
            return Err(there_already(name));
        }
        let Some(own) = name.file_name() else { return Err(Failure::Usage("This names no file.".into())) };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(own);
        hidden.push(format!(".{}.partial", std::process::id()));
        let temporary = name.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file =
            file.map_err(|error| Failure::Refused(format!("{} can't be made: {error}.", name.display())))?;
        Ok(Self { file, name: name.into(), temporary: Some(temporary) })
    }

    fn keep(mut self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| unwritten(&error))?;
        let Some(temporary) = &self.temporary else { return Ok(()) };
        // A link, unlike a new name, never takes the place of a file that came meanwhile. Where there are none, the name is given.
        match fs::hard_link(temporary, &self.name) {
            Ok(()) => {
                let _ = fs::remove_file(temporary);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(there_already(&self.name)),
            Err(_) => fs::rename(temporary, &self.name).map_err(|error| unwritten(&error))?,
        }
        self.temporary = None;
        let folder = self.name.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|error| unwritten(&error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn there_already(name: &Path) -> Failure {
    Failure::Refused(format!(
        "{} is there already, and a backup never takes the place of anything. Name another file.",
        name.display()
    ))
}

/// What a backup holds, in one line.
fn written(name: &str, header: &Header, bytes: u64) -> String {
    plain(&format!(
        "Wrote {name}: {}, in {}. It needs the key {}, which is not in it.",
        contents(header),
        size(bytes),
        header.key
    ))
}

/// What a backup holds, as people count it.
pub(super) fn contents(header: &Header) -> String {
    counted(|table| header.rows_of(table), header.last_event.number)
}

/// What is in the tables of these numbers of rows, as people count it.
pub(super) fn counted(rows_of: impl Fn(&str) -> u64, last_event: i64) -> String {
    let counted = |table: &str, one: &str, more: &str| match rows_of(table) {
        1 => format!("1 {one}"),
        n => format!("{n} {more}"),
    };
    format!(
        "{}, {}, {}, up to event {}",
        counted("accounts", "account", "accounts"),
        counted("app_passwords", "app-specific password", "app-specific passwords"),
        counted("services", "service", "services"),
        last_event
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// The same for programs.
pub(super) fn described(header: &Header) -> Value {
    let tables: serde_json::Map<_, _> =
        header.tables.iter().map(|table| (table.name.clone(), table.rows.into())).collect();
    json!({
        "doorkey_version": header.doorkey_version,
        "schema": header.schema(),
        "made_at": header.made_at,
        "last_event": header.last_event,
        "key": header.key,
        "rows": tables,
    })
}

/// Reads the file to its end, and says what it holds and whether it could be restored here.
fn describe(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let backup = Backup::open(&args.file).map_err(refused)?;
    let header = backup.header.clone();
    let trouble = usable(backup, place)?;
    if args.json {
        let mut answer = described(&header);
        if let Some(members) = answer.as_object_mut() {
            members.insert("problem".into(), trouble.as_ref().map(ToString::to_string).into());
        }
        console.json(&answer)?;
    } else {
        let lines = [
            format!("Written by Doorkey {} on {}.", header.doorkey_version, header.made_at.exact()),
            format!("It holds {}.", contents(&header)),
            format!("It needs the key {}.", header.key),
        ];
        console.say(&plain(&lines.join(" ")))?;
        if trouble.is_none() {
            console.say("It is whole, and the key here opens it.")?;
        }
    }
    trouble.map_or(Ok(()), |trouble| Err(refused(trouble)))
}

/// What keeps the backup from being restored here, if anything does.
fn usable(backup: Backup, place: &Place) -> Result<Option<FileError>, Failure> {
    let whole = match backup.read(|_, _| Ok::<_, FileError>(())) {
        Ok(whole) => whole,
        Err(trouble) => return Ok(Some(trouble)),
    };
    if let Err(trouble) = whole.is_known() {
        return Ok(Some(trouble));
    }
    let config = place.load()?;
    let mut rng = clock::rng().map_err(|error| Failure::Refused(error.to_string()))?;
    let masters =
        key::load(&config.key, true, &mut rng).map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(whole.opens_with(&Given { keys: &masters, place: key::place(&config.key) }).err())
}

pub(super) fn refused(error: FileError) -> Failure {
    Failure::Refused(error.to_string())
}
