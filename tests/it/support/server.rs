//! The server itself: the real program, in a folder of its own, ended with the test.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Address, Answer, Api, Browser, Done, PASSWORD, Person, Request, Service,
    clock::{self, Clock},
    cluster,
    data::{self, Data},
    output::Output,
};

/// What is set for a server, beside where it listens.
pub type Options<'a> = &'a [(&'a str, &'a str)];

/// A server. Its process may end and begin again; its data and its clock go on.
pub struct Server {
    folder: TempDir,
    settings: Vec<(String, String)>,
    pub clock: Clock,
    running: Mutex<Option<Running>>,
    /// What its processes that have ended had written.
    written: Mutex<String>,
    /// How large the disk is that its data folder is alone on, as `mount` has it; none where it is on the machine's.
    disk: Option<String>,
    /// Dropped after the process that uses it.
    pub store: Data,
}

/// The server's process. It ends with this value.
struct Running {
    child: Child,
    address: Address,
    metrics: Option<Address>,
    /// What its first line said.
    ready: Value,
    out: Output,
    err: Output,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        clock::sweep(self.child.id());
    }
}

impl Server {
    /// A server with nothing in it.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with these settings, and nothing in it.
    #[track_caller]
    pub fn start_with(settings: Options<'_>) -> Self {
        let server = Self::on(Data::with_tables(), settings);
        server.start_again();
        server
    }

    /// A server that doesn't run yet, with its data where these tests were told to keep it: see CONTRIBUTING.md.
    pub fn new(settings: Options<'_>) -> Self {
        Self::on(Data::new(), settings)
    }

    /// A server that runs, with its data in a file, whatever these tests were told: for what is about that file.
    #[track_caller]
    pub fn start_in_a_file() -> Self {
        let server = Self::on(Data::File, &[]);
        server.start_again();
        server
    }

    /// A server that doesn't run yet, on this data.
    pub fn on(store: Data, settings: Options<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path().join("clock"));
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Self {
            folder,
            settings,
            clock,
            running: Mutex::new(None),
            written: Mutex::default(),
            disk: None,
            store,
        }
    }

    /// A server that runs, with its data in a file on a disk of this size, which is its process's alone and goes with it.
    #[track_caller]
    pub fn start_on_a_disk_of(size: &str) -> Self {
        let server = Self { disk: Some(size.into()), ..Self::on(Data::File, &[]) };
        fs::create_dir(server.data()).unwrap();
        server.start_again();
        server
    }

    /// What runs the server on a disk of its own, after `prepare`, a line of shell in its data folder.
    pub fn on_its_disk(&self, size: &str, prepare: &str) -> Command {
        let serve = self.command(&["serve"]);
        let mut command = Command::new("unshare");
        // Whoever isn't root may have this in a user namespace, where the system lets them.
        command.args(["--mount", "--map-root-user", "sh", "-c"]).arg(format!(
            "mount -t tmpfs -o size={size},mode=700 tmpfs \"$0\" && {{ (cd \"$0\" && {prepare}); exec \"$@\"; }}"
        ));
        command.arg(self.data()).arg(serve.get_program()).args(serve.get_args()).env_clear();
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(self.folder.path());
        command
    }

    /// The data folder as this process reaches it: that of the server's own disk, while it runs.
    pub fn data_seen(&self) -> PathBuf {
        match &self.disk {
            None => self.data(),
            Some(_) => {
                let seen = format!("/proc/{}/root{}", self.process(), self.data().display());
                seen.into()
            }
        }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder beside it, for whatever a test puts somewhere.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program, to be run on this data by this clock.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        command.args(arguments).arg("--data").arg(self.data()).envs(self.clock.environment());
        command.envs(self.store.setting());
        command.env("DOORKEY__HTTP__LISTEN", "127.0.0.1:0").env("DOORKEY__LDAP__LISTEN", "127.0.0.1:0");
        command.envs(self.settings.iter().cloned());
        command
    }

    /// Runs a command on this data by this clock, to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(&mut self.command(arguments), "")
    }

    /// Starts it, again.
    #[track_caller]
    pub fn start_again(&self) {
        let mut command = match &self.disk {
            None => self.command(&["serve"]),
            Some(size) => self.on_its_disk(size, "true"),
        };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Output::of(child.stdout.take().unwrap());
        let err = Output::of(child.stderr.take().unwrap());
        let nowhere = Address::Unix(PathBuf::new());
        let mut running = Running { child, address: nowhere, metrics: None, ready: Value::Null, out, err };
        let Some(ready) = running.out.line_with("") else { panic!("{}", running.err.whole()) };
        let ready: Value = serde_json::from_str(&ready).expect("one JSON object on the first line");
        running.address = Address::Tcp(ready["http"].as_str().unwrap().parse().unwrap());
        running.metrics = ready["metrics"].as_str().map(|address| Address::Tcp(address.parse().unwrap()));
        running.ready = ready.clone();
        assert_eq!(ready["socket"], self.data().join("doorkey.sock").display().to_string());
        assert!(self.running.lock().unwrap().replace(running).is_none(), "it runs already");
    }

    /// Sets this from the next start on.
    pub fn set(&mut self, settings: &[(&str, String)]) {
        for (name, value) in settings {
            self.settings.retain(|(set, _)| set != name);
            self.settings.push(((*name).into(), value.clone()));
        }
    }

    /// Starts it where it is expected to refuse, and gives how it ended.
    pub fn refuses_to_start(&self, settings: Options<'_>) -> Done {
        let done = Done::of(self.command(&["serve"]).envs(settings.iter().copied()), "");
        assert_eq!(done.out, "", "nothing is ready: {}", done.err);
        done
    }

    /// Tells it to stop, and gives how it ended.
    pub fn stop(&self) -> Done {
        self.signal("TERM")
    }

    /// The same with any signal that ends it.
    pub fn signal(&self, signal: &str) -> Done {
        let mut running = self.running.lock().unwrap().take().expect("it runs");
        let process = running.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &process]).status();
        assert!(sent.unwrap().success());
        let (out, err) = (running.out.whole(), running.err.whole());
        self.written.lock().unwrap().push_str(&err);
        Done { code: running.child.wait().unwrap().code(), out, err }
    }

    /// Stops it, and starts it again.
    pub fn restart(&self) {
        let stopped = self.stop();
        assert_eq!(stopped.code, Some(0), "{}", stopped.err);
        self.start_again();
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&self) {
        let running = self.running.lock().unwrap().take().expect("it runs");
        let err = running.err.clone();
        drop(running);
        self.written.lock().unwrap().push_str(&err.whole());
    }

    /// Its first line: where it listens.
    pub fn ready(&self) -> Value {
        self.running.lock().unwrap().as_ref().expect("it runs").ready.clone()
    }

    /// Where it is.
    #[track_caller]
    pub fn address(&self) -> Address {
        self.running.lock().unwrap().as_ref().expect("it runs").address.clone()
    }

    /// Where its figures are, if it has any.
    #[track_caller]
    pub fn metrics(&self) -> Option<Address> {
        self.running.lock().unwrap().as_ref().expect("it runs").metrics.clone()
    }

    /// Its URL, as the command line takes it.
    pub fn url(&self) -> String {
        match self.address() {
            Address::Tcp(address) => format!("http://{address}"),
            Address::Unix(path) => panic!("{}", path.display()),
        }
    }

    #[track_caller]
    pub fn ask(&self, request: &Request) -> Answer {
        self.address().ask(request)
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.running.lock().unwrap().as_ref().expect("it runs").child.id()
    }

    /// Everything that it has written to standard error, also before it was started again.
    pub fn log(&self) -> String {
        let mut log = self.written.lock().unwrap().clone();
        if let Some(running) = &*self.running.lock().unwrap() {
            log.push_str(&running.err.so_far());
        }
        log
    }

    /// Waits until it writes a line with this to standard error; none when it ends without.
    pub fn says(&self, part: &str) -> Option<String> {
        let err = self.running.lock().unwrap().as_ref().expect("it runs").err.clone();
        err.line_with(part)
    }

    /// The path of the link that sets up the first account, as it is printed.
    pub fn set_up_path(&self) -> String {
        let line = self.says("/setup/").expect("a link");
        line[line.find("/setup/").unwrap()..].trim().to_owned()
    }

    /// The API as this machine's administrator has it, through the socket in the data folder.
    pub fn admin(&self) -> Api<'_> {
        Api::local(self)
    }

    /// The API of somebody with this token, or of nobody.
    pub fn api(&self, token: &str) -> Api<'_> {
        Api::with_token(self, token)
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// Sets up the first account through the printed link; its person is signed in in that browser, without two-factor
    /// authentication.
    pub fn set_up(&self) -> (Browser<'_>, &'static str) {
        let (mut browser, id) = (self.browser(), "ada@example.org");
        let link = self.set_up_path();
        let made = browser.submit(&link, &[("id", id), ("name", "Ada Lovelace"), ("password", PASSWORD)]);
        assert_eq!(made.goes_to(), "/security");
        (browser, id)
    }

    /// Somebody with an account and two-factor authentication, signed in to the API.
    pub fn person(&self, id: &str) -> Person<'_> {
        self.somebody(id, false)
    }

    /// The same, and an administrator.
    pub fn administrator(&self, id: &str) -> Person<'_> {
        self.somebody(id, true)
    }

    fn somebody(&self, id: &str, administrator: bool) -> Person<'_> {
        let asked = json!({
            "id": id, "name": "Ada Lovelace", "password": PASSWORD, "administrator": administrator, "totp": true,
        });
        let made = self.admin().post("/accounts", &asked).json(201);
        Person::new(self, id, made["totp_secret"].as_str()).signed_in()
    }

    /// Somebody without two-factor authentication, signed in to the API.
    pub fn person_without_second_factor(&self, id: &str) -> Person<'_> {
        let asked = json!({ "id": id, "name": "Ada Lovelace", "password": PASSWORD });
        self.admin().post("/accounts", &asked).json(201);
        Person::new(self, id, None).signed_in()
    }

    /// A service that holds these kinds, "mail,contacts".
    pub fn service(&self, name: &str, kinds: &str) -> Service<'_> {
        let kinds: Vec<_> = kinds.split(',').collect();
        let made = self.admin().post("/services", &json!({ "name": name, "kinds": kinds })).json(201);
        Service::new(self, name, made["key"].as_str().unwrap())
    }

    /// A question to the data, which is not in use by a server, with one answer.
    pub fn data_says<T: FromStr<Err: fmt::Debug>>(&self, sql: &str) -> T {
        data::one(&self.data_lists(sql))
    }

    /// The same, with as many answers as there are rows.
    pub fn data_lists(&self, sql: &str) -> Vec<String> {
        self.assert_stopped();
        self.store.ask(&self.data(), sql)
    }

    /// The tables that have a column of this name.
    pub fn tables_with(&self, column: &str) -> Vec<String> {
        let sql = match self.store {
            Data::File => "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE c.name",
            Data::Postgres(_) => {
                "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name"
            }
        };
        self.data_lists(&format!("{sql} = '{column}'"))
    }

    /// Bytes, as the data's SQL writes them.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        let hex = data_encoding::HEXLOWER.encode(bytes);
        match self.store {
            Data::File => format!("x'{hex}'"),
            Data::Postgres(_) => format!("'\\x{hex}'"),
        }
    }

    /// A member of what a column holds as JSON, as the data's SQL writes it.
    pub fn member(&self, column: &str, name: &str) -> String {
        match self.store {
            Data::File => format!("({column} ->> '{name}')"),
            Data::Postgres(_) => format!("({column}::json ->> '{name}')"),
        }
    }

    /// Changes the data behind the back of the server, which doesn't run.
    pub fn change_data(&self, sql: &str) {
        self.assert_stopped();
        match &self.store {
            Data::File => {
                rusqlite::Connection::open(self.data().join("doorkey.db"))
                    .unwrap()
                    .execute_batch(sql)
                    .unwrap();
            }
            Data::Postgres(database) => drop(database.session().say(sql)),
        }
    }

    /// Everything that is stored, file by file.
    pub fn stored(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.data()).unwrap().map(|file| file.unwrap().path()).collect();
        if let Data::Postgres(database) = &self.store {
            // With all that has been written so far.
            database.ask("CHECKPOINT");
            let folder =
                database.ask("SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()");
            let folder = fs::read_dir(cluster::shared().data().join(folder)).unwrap();
            files.extend(folder.map(|file| file.unwrap().path()));
        }
        files
    }

    fn assert_stopped(&self) {
        assert!(self.running.lock().unwrap().is_none(), "the server uses it");
    }
}

/// The program in this folder, knowing nothing of the machine around it.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorkey"));
    command.current_dir(folder).stdin(Stdio::null()).env_clear().env("TZ", "UTC").env("RUST_BACKTRACE", "1");
    command
}
