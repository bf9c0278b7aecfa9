//! vdirsyncer, a client for calendars and contacts.

use std::path::PathBuf;

use tempfile::TempDir;

use super::process::command;
use crate::support::{Address, Done};

/// What is kept in step.
#[derive(Clone, Copy)]
pub enum Kind {
    Calendars,
    Contacts,
}

/// Where somebody's calendars or contacts are, and what was entered to sign in there.
pub struct Login<'a> {
    pub kind: Kind,
    pub server: Address,
    pub user: &'a str,
    pub password: &'a str,
}

/// A client on a machine of its own.
pub struct Vdirsyncer {
    folder: TempDir,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Calendars => "calendars",
            Self::Contacts => "contacts",
        }
    }

    const fn protocol(self) -> &'static str {
        match self {
            Self::Calendars => "caldav",
            Self::Contacts => "carddav",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Calendars => "ics",
            Self::Contacts => "vcf",
        }
    }
}

impl Vdirsyncer {
    /// A client that is told this once, and never again.
    pub fn set_up(logins: &[Login<'_>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display();
        let pairs = logins.iter().map(|login| {
            let Login { kind, server, user, password } = login;
            let Address::Tcp(server) = server else { panic!("a client comes by TCP") };
            let (name, protocol, extension) = (kind.name(), kind.protocol(), kind.extension());
            format!(
                "[pair {name}]\na = \"{name}_here\"\nb = \"{name}_there\"\ncollections = [\"{name}\"]\n\
                 [storage {name}_here]\ntype = \"filesystem\"\npath = \"{here}/here/\"\nfileext = \".{extension}\"\n\
                 [storage {name}_there]\ntype = \"{protocol}\"\nurl = \"http://{server}/\"\n\
                 username = \"{user}\"\npassword = \"{password}\"\n"
            )
        });
        let settings = format!("[general]\nstatus_path = \"{here}/status/\"\n{}", pairs.collect::<String>());
        std::fs::write(folder.path().join("config"), settings).unwrap();
        let client = Self { folder };
        for login in logins {
            std::fs::create_dir_all(client.items_in(login.kind)).unwrap();
        }
        client
    }

    /// A client that is told nothing but a host, and whose certificates to trust: where calendars or contacts are there, it finds out.
    pub fn set_up_by_host(kind: Kind, host: &str, authority: &str, (user, password): (&str, &str)) -> Self {
        let client = Self::set_up(&[]);
        let here = client.folder.path().display();
        let (name, protocol, extension) = (kind.name(), kind.protocol(), kind.extension());
        let settings = format!(
            "[general]\nstatus_path = \"{here}/status/\"\n[pair {name}]\na = \"{name}_here\"\nb = \"{name}_there\"\n\
             collections = [\"{name}\"]\n[storage {name}_here]\ntype = \"filesystem\"\npath = \"{here}/here/\"\n\
             fileext = \".{extension}\"\n[storage {name}_there]\ntype = \"{protocol}\"\nurl = \"https://{host}/\"\n\
             verify = \"{authority}\"\nusername = \"{user}\"\npassword = \"{password}\"\n"
        );
        std::fs::write(client.folder.path().join("config"), settings).unwrap();
        std::fs::create_dir_all(client.items_in(kind)).unwrap();
        client
    }

    /// Looks for what there is on the server, and makes what there isn't.
    pub fn discover(&self) -> Done {
        // It asks whether to make a collection, and may ask for each.
        self.run("discover", "y\ny\ny\ny\n")
    }

    /// Brings both sides in step.
    pub fn sync(&self) -> Done {
        self.run("sync", "")
    }

    /// Adds an event or a card to this side.
    pub fn add(&self, kind: Kind, uid: &str) {
        let text = match kind {
            Kind::Calendars => event(uid),
            Kind::Contacts => card(uid),
        };
        std::fs::write(self.items_in(kind).join(format!("{uid}.{}", kind.extension())), text).unwrap();
    }

    /// The events or cards that have come to this side, whole.
    pub fn items(&self, kind: Kind) -> Vec<String> {
        let entries = std::fs::read_dir(self.items_in(kind)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    fn items_in(&self, kind: Kind) -> PathBuf {
        self.folder.path().join("here").join(kind.name())
    }

    fn run(&self, what: &str, answers: &str) -> Done {
        let mut command = command("vdirsyncer", self.folder.path());
        let config = self.folder.path().join("config");
        // At this level it says what each request was answered.
        Done::of(command.args(["--verbosity", "DEBUG", what]).env("VDIRSYNCER_CONFIG", config), answers)
    }
}

fn event(uid: &str) -> String {
    lines(&[
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Example//Calendar//EN",
        "BEGIN:VEVENT",
        &format!("UID:{uid}"),
        "DTSTAMP:20260101T120000Z",
        "DTSTART:20260102T120000Z",
        "DTEND:20260102T130000Z",
        &format!("SUMMARY:{uid}"),
        "END:VEVENT",
        "END:VCALENDAR",
    ])
}

fn card(uid: &str) -> String {
    lines(&["BEGIN:VCARD", "VERSION:3.0", &format!("UID:{uid}"), &format!("FN:{uid}"), "N:;;;;", "END:VCARD"])
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}
