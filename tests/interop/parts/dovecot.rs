//! Dovecot, the mail server, with the configuration that is shipped for it. What is ours beside that is where it listens and where it
//! keeps what.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Lines, Part, free_port, plain};
use crate::support::{Address, Request};

const SHIPPED: &str = include_str!("../../../packaging/dovecot/99-doorkey.conf");
const SCRIPT: &str = include_str!("../../../packaging/dovecot/doorkey.lua");

/// The key of doveadm's HTTP API.
pub const API_KEY: &str = "doveadm-api-key";

/// Dovecot, with a maildir for everyone whom it lets in.
pub struct Dovecot {
    part: Part,
    folder: TempDir,
    pub imap: u16,
    pub pop3: u16,
    pub sieve: u16,
    pub submission: u16,
    /// doveadm's HTTP API, with [`API_KEY`].
    pub doveadm: u16,
}

impl Dovecot {
    /// Starts it, to ask at this address of an HTTP door with this key.
    pub fn start(door: &str, key: &str) -> Self {
        Self::start_with(door, key, "")
    }

    /// The same, with more settings before the shipped ones. More lines of the service's file may follow the key.
    pub fn start_with(door: &str, key: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let part_of = |name: &str| here.join(name).display().to_string();
        // Dovecot's processes belong to several users.
        fs::set_permissions(here, Permissions::from_mode(0o711)).unwrap();
        for name in ["mail", "home"] {
            fs::create_dir(here.join(name)).unwrap();
            fs::set_permissions(here.join(name), Permissions::from_mode(0o777)).unwrap();
        }
        let moved = |text: &str| text.replace("/etc/dovecot", &here.display().to_string());
        fs::create_dir(here.join("conf.d")).unwrap();
        fs::write(here.join("conf.d/99-doorkey.conf"), moved(SHIPPED)).unwrap();
        fs::write(here.join("doorkey.lua"), moved(SCRIPT)).unwrap();
        // As root it is started as its package does it, and mail belongs to nobody in particular.
        let (owner, group, users) = if fs::metadata(here).unwrap().uid() == 0 {
            ("mail".into(), "mail".into(), None)
        } else {
            let (owner, group) = (said("-un"), said("-gn"));
            let users = as_one_user(&owner, &group);
            (owner, group, Some(users))
        };
        let [imap, pop3, sieve, submission, doveadm] = std::array::from_fn(|_| free_port());
        let settings = format!(
            "base_dir = {run}
state_dir = {state}
log_path = /dev/stderr
auth_verbose = yes
# A refusal is told at once, so that the tests needn't wait for it.
auth_failure_delay = 0
protocols = imap pop3 sieve submission
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{mail}/%u
first_valid_uid = 1
userdb {{
  driver = static
  args = uid={owner} gid={group} home={home}/%u
}}
submission_relay_host = 127.0.0.1
submission_relay_port = 1
doveadm_api_key = {API_KEY}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve}
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {submission}
  }}
}}
service doveadm {{
  inet_listener http {{
    port = {doveadm}
  }}
}}
{users}
{more}
!include conf.d/*.conf
",
            users = users.as_deref().unwrap_or_default(),
            run = part_of("run"),
            state = part_of("state"),
            mail = part_of("mail"),
            home = part_of("home"),
        );
        fs::write(here.join("dovecot.conf"), settings).unwrap();
        write_secret(here, door, key);
        let part = Part::start("dovecot", here, &["-F", "-c", &part_of("dovecot.conf")]);
        part.err.line_with("starting up").expect("Dovecot starts");
        Self { part, folder, imap, pop3, sieve, submission, doveadm }
    }

    /// Gives it another door or key, as somebody does who edits its file. More lines may follow the key.
    pub fn set(&self, door: &str, key: &str) {
        write_secret(self.folder.path(), door, key);
    }

    /// Signs in by IMAP, and gives the answer and the connection.
    #[track_caller]
    pub fn log_in(&self, name: &str, secret: &str) -> (String, Lines) {
        let mut app = Lines::imap(self.imap);
        (app.log_in(name, secret), app)
    }

    /// What each protocol answers to somebody who signs in: IMAP, POP3, ManageSieve, submission.
    #[track_caller]
    pub fn answers(&self, name: &str, secret: &str) -> [String; 4] {
        let response = plain(name, secret);
        let (imap, _) = self.log_in(name, secret);
        let mut pop3 = Lines::open(self.pop3);
        pop3.until("+OK");
        pop3.say(&format!("AUTH PLAIN {response}"));
        let mut sieve = Lines::open(self.sieve);
        sieve.until("OK");
        sieve.say(&format!("AUTHENTICATE \"PLAIN\" \"{response}\""));
        let mut submission = Lines::open(self.submission);
        submission.until("220 ");
        submission.say("EHLO app.example.org");
        submission.until("250 ");
        submission.say(&format!("AUTH PLAIN {response}"));
        [imap, pop3.hear().unwrap(), sieve.hear().unwrap(), submission.hear().unwrap()]
    }

    /// Whose mailboxes there are.
    pub fn mailboxes(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("mail")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Asks doveadm's HTTP API, `["who",{},"tag"]`, and gives its answer.
    #[track_caller]
    pub fn doveadm(&self, command: &Value) -> Value {
        let authority = Address::Tcp(([127, 0, 0, 1], self.doveadm).into());
        let key = format!("X-Dovecot-API {}", STANDARD.encode(API_KEY));
        let request =
            Request::new("POST", "/doveadm/v1").header("Authorization", key).json(&json!([command]));
        let answer: Value = serde_json::from_slice(&authority.ask(&request).with(200).body).unwrap();
        answer[0].clone()
    }

    /// Waits for a line of its log that has this in it.
    #[track_caller]
    pub fn logs(&self, part: &str) -> String {
        self.part.err.line_with(part).expect("it runs")
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.part.err.so_far()
    }
}

fn said(option: &str) -> String {
    let done = Command::new("id").arg(option).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// All its processes are this user's, and none is kept to a folder, which only root could do.
fn as_one_user(user: &str, group: &str) -> String {
    let mut settings = format!(
        "default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n\
         first_valid_gid = 1\n"
    );
    for service in ["anvil", "stats", "imap-login", "pop3-login", "managesieve-login", "submission-login"] {
        settings += &format!("service {service} {{\n  chroot =\n}}\n");
    }
    settings
}

/// The file with what is a service's own.
fn write_secret(folder: &Path, door: &str, key: &str) {
    fs::write(folder.join("doorkey.secret"), format!("door = {door}\nkey = {key}\n")).unwrap();
}
