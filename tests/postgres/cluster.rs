//! A PostgreSQL of the tests' own: one for each test binary, made when the first test asks for it, gone with the process however that
//! ends. Shared by the tests of the store and of the server.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Whether the tests were told to keep their data in PostgreSQL: `DOORKEY_TEST_STORE=postgres`.
pub fn is_wanted() -> bool {
    match std::env::var("DOORKEY_TEST_STORE").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("DOORKEY_TEST_STORE is {other:?}, and must be sqlite or postgres"),
    }
}

/// A server with its data in a folder of its own, and its socket beside it.
pub struct Cluster {
    folder: PathBuf,
    /// In the socket's name, and for a server that is told to listen at an address.
    port: u16,
    keeper: Mutex<Option<Child>>,
    /// Makes databases and removes them. Each program that is begun for that takes longer than the thing itself.
    maker: Mutex<Option<Session>>,
}

/// The one that tests share.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

/// Keeps the server as long as its own standard input is open, which the system closes with the tests' process. Then it removes all,
/// unless it was told that the server is to come back.
const KEEPER: &str = r#"
    trap '' INT HUP TERM
    folder=$1
    shift
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    read -r told
    kill -QUIT "$server" 2>/dev/null
    wait "$server"
    [ "$told" = stay ] || rm -rf "$folder"
"#;

impl Cluster {
    /// Makes one, with nothing in it.
    pub fn start() -> Self {
        let folder = Path::new("/tmp").join(format!("doorkey-pg-{}-{}", std::process::id(), number()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((user, group)) = other_user() {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, port, keeper: Mutex::default(), maker: Mutex::default() };
        let made = cluster
            .program("initdb")
            .args(["--auth=trust", "--username=doorkey", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pgdata")
            .arg(cluster.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster.start_again();
        cluster
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// How a database of it is reached.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres:///{database}?user={user}&port={}&host={}", self.port, self.folder.display())
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Puts a file into its data, as its own.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = other_user() {
            chown(&path, Some(user), Some(group)).unwrap();
        }
    }

    /// Starts it, again, and waits until it serves.
    pub fn start_again(&self) {
        self.start_with(&[]);
    }

    /// The same with these settings, `name=value`.
    pub fn start_with(&self, settings: &[String]) {
        let server = self.program("postgres");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.folder).arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        let port = format!("port={}", self.port);
        for setting in ["listen_addresses=", "max_connections=300", &port] {
            keeper.args(["-c", setting]);
        }
        for setting in settings {
            keeper.args(["-c", setting]);
        }
        let keeper = keeper.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert!(self.keeper.lock().unwrap().replace(keeper).is_none(), "it runs already");
        let mut asked = 0;
        let is_ready = || {
            let mut asking = self.program("pg_isready");
            asking
                .args(["-q", "-p", &self.port.to_string(), "-h"])
                .arg(&self.folder)
                .status()
                .unwrap()
                .success()
        };
        while !is_ready() {
            asked += 1;
            assert!(asked < 3000, "PostgreSQL doesn't start: {}", self.log());
        }
    }

    /// Ends it at once, as a crash does.
    pub fn stop(&self) {
        drop(self.maker.lock().unwrap().take());
        let mut keeper = self.keeper.lock().unwrap().take().expect("it runs");
        keeper.stdin.take().unwrap().write_all(b"stay\n").unwrap();
        assert!(keeper.wait().unwrap().success());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A database of one's own, with nothing in it.
    pub fn database(&self) -> Database<'_> {
        self.database_with("")
    }

    /// A database of one's own, made with these words of SQL.
    pub fn database_with(&self, words: &str) -> Database<'_> {
        let database = Database { cluster: self, name: format!("db{}", number()) };
        self.make(&format!("CREATE DATABASE {} {words}", database.name));
        database
    }

    /// Makes a database, or removes it.
    fn make(&self, sql: &str) {
        let mut maker = self.maker.lock().unwrap();
        maker.get_or_insert_with(|| Session::of(self.psql("postgres"))).say(&format!("{sql};"));
    }

    /// Runs SQL in a database, and gives what is printed.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let done = self.psql(database).args(["-c", sql]).output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "doorkey", "-d", database, "-h"]);
        psql.arg(&self.folder).args(["-p", &self.port.to_string()]);
        psql
    }

    /// One of PostgreSQL's programs, which don't want to be run by root.
    fn program(&self, name: &str) -> Command {
        let program = find(name);
        let mut command = match other_user() {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
                command.arg("--").arg(program);
                command
            }
        };
        // Where it may be, and nothing else of what is around.
        command.current_dir("/").env_clear().env("PATH", "/usr/bin:/bin").env("TZ", "UTC");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match self.keeper.lock().map(|mut keeper| keeper.take()) {
            Ok(Some(mut keeper)) => {
                drop(keeper.stdin.take());
                let _ = keeper.wait();
            }
            // It doesn't run, or never came to run.
            _ => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

/// A database of a test's own. It goes with this value.
pub struct Database<'c> {
    cluster: &'c Cluster,
    pub name: String,
}

impl Database<'_> {
    /// How Doorkey reaches it.
    pub fn url(&self) -> String {
        self.cluster.url("doorkey", &self.name)
    }

    /// Runs SQL in it, and gives what is printed: a line for each row, `|` between columns.
    pub fn ask(&self, sql: &str) -> String {
        self.cluster.ask(&self.name, sql)
    }

    /// A session that stays.
    pub fn session(&self) -> Session {
        Session::of(self.cluster.psql(&self.name))
    }
}

/// Another program's session, which ends with this value.
pub struct Session {
    psql: Child,
    said: Mutex<BufReader<ChildStdout>>,
}

impl Session {
    fn of(mut psql: Command) -> Self {
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(psql.stdout.take().unwrap());
        Self { psql, said: Mutex::new(said) }
    }

    /// Runs SQL, waits until it is done, and gives what is printed.
    pub fn say(&self, sql: &str) -> String {
        let mut input = self.psql.stdin.as_ref().expect("it is open");
        writeln!(input, "{sql}\n\\echo --done--").unwrap();
        let mut said = String::new();
        let mut from = self.said.lock().unwrap();
        while !said.ends_with("--done--\n") {
            assert!(from.read_line(&mut said).unwrap() > 0, "the session has ended after {said:?}");
        }
        said.trim_end_matches("--done--\n").to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if self.cluster.keeper.lock().is_ok_and(|keeper| keeper.is_some()) && !std::thread::panicking() {
            self.cluster.make(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

fn number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Whom PostgreSQL runs as, where the tests run as root.
fn other_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
        Some((ids.next()?, ids.next()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user that isn't root"))
}

/// Debian keeps the server's programs where no PATH looks.
fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is missing. Install it: sudo apt-get install --no-install-recommends postgresql")
    })
}
