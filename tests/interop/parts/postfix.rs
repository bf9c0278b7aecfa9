//! Postfix, the mail server, which takes mail from people whom Doorkey knows, and sends it on to a sink.

use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Command,
};

use tempfile::TempDir;

use super::{change, free_port, process::command};
use crate::support::Identity;

/// What takes a mail in, and sends it on.
const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";

/// Postfix, with a queue of its own.
pub struct Postfix {
    folder: TempDir,
    /// Where apps submit mail.
    pub port: u16,
    /// Where other servers bring it.
    pub smtp: u16,
}

impl Postfix {
    /// Starts it with this in its main.cf and its master.cf. Mail goes on to this server.
    pub fn start(main: &str, submission: &str, relay: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        fs::set_permissions(here, Permissions::from_mode(0o755)).unwrap();
        for name in ["etc", "queue", "data"] {
            fs::create_dir(here.join(name)).unwrap();
        }
        assert_eq!(
            fs::metadata(here).unwrap().uid(),
            0,
            "Postfix starts for root alone: run its tests as root"
        );
        // Its own user keeps something there.
        run(Command::new("chown").arg("postfix").arg(here.join("data")));
        let (port, smtp, identity) = (free_port(), free_port(), Identity::get());
        let main = format!(
            "compatibility_level = 3.6
queue_directory = {here}/queue
data_directory = {here}/data
maillog_file_prefixes = {here}
maillog_file = {here}/queue/log
myhostname = mail.example.org
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
relayhost = [{ip}]:{relay_port}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
{main}",
            here = here.display(),
            ip = relay.ip(),
            relay_port = relay.port(),
            certificate = identity.certificate().display(),
            key = identity.key().display(),
        );
        fs::write(here.join("etc/main.cf"), main).unwrap();
        // Not below a folder that the system has set up for it.
        let submission = change(submission, "submission inet n - y", &format!("127.0.0.1:{port} inet n - n"));
        let services = format!("{submission}127.0.0.1:{smtp} inet n - n - - smtpd\n{SERVICES}");
        fs::write(here.join("etc/master.cf"), services).unwrap();
        let postfix = Self { folder, port, smtp };
        run(postfix.command().arg("start"));
        postfix
    }

    fn command(&self) -> Command {
        let mut command = command("postfix", self.folder.path());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("-c").arg(self.folder.path().join("etc"));
        command
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

impl Drop for Postfix {
    #[expect(clippy::print_stderr, reason = "what it logged is what explains a failure")]
    fn drop(&mut self) {
        // Its master is the leader of a group that all its processes are in.
        if let Ok(master) = fs::read_to_string(self.folder.path().join("queue/pid/master.pid")) {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", master.trim())]).status();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("queue/log"));
            eprintln!("--- postfix\n{}", log.unwrap_or_default());
        }
    }
}
