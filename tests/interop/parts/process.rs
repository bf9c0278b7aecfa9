//! Processes that end with the test, whatever becomes of it.

use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use crate::support::Output;

/// Which Debian package brings which program.
const PACKAGES: &str = include_str!("../../../scripts/packages");

/// Where the program is. If it isn't there, the test ends with how to install it.
pub fn find(program: &str) -> PathBuf {
    // Servers stand where only root's PATH looks.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let found = path.split(':').map(|folder| Path::new(folder).join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is missing. As root: apt-get install {}", package_of(program)))
}

fn package_of(program: &str) -> &'static str {
    let of_program = |line: &'static str| line.split_once(' ').filter(|(name, _)| *name == program);
    let (_, package) =
        PACKAGES.lines().find_map(of_program).expect("scripts/packages names what tests start");
    package.trim()
}

/// A running part. With this value it ends, and so does every process that it has started.
pub struct Part {
    name: String,
    child: Child,
    pub out: Output,
    pub err: Output,
}

impl Part {
    /// Starts it in this folder, which is its home, knowing nothing of the machine around it.
    pub fn start(program: &str, folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(program, folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the workers and helpers that it starts can be ended with it.
            .process_group(0)
            .spawn()
            .unwrap();
        let out = Output::of(child.stdout.take().unwrap());
        let err = Output::of(child.stderr.take().unwrap());
        Self { name: program.into(), child, out, err }
    }
}

impl Drop for Part {
    #[expect(clippy::print_stderr, reason = "what the part said is what explains a failure")]
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}{}", self.name, self.out.so_far(), self.err.so_far());
        }
    }
}

/// The program, with this folder as its home, knowing nothing of the machine around it.
pub fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(find(program));
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).env("TZ", "UTC");
    command.env("LANG", "C.UTF-8");
    command
}

/// A port that nothing listens on. It lies below those that the system hands out by itself, so nobody comes to it by chance before
/// the part does that it is for.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() % 500 * 20;
    loop {
        let offset = begin + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(offset % 10_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
