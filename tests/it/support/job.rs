//! A job of a CI, with a build that is open: what `doorkey exec` and `doorkey builds export` run in.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Done, Receiver, clock::sweep, output::Output, server::program};

/// A build's token. It opens nothing.
pub const BUILD_TOKEN: &str = "dkb_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2y";

/// The job, and a server that plays the part of Doorkey's that builds ask.
pub struct Job {
    pub home: TempDir,
    pub server: Receiver,
}

/// A key of the tests' own, as PEM.
pub fn pem() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .output()
            .expect("openssl, from Debian's package of that name");
        String::from_utf8(made.stdout).unwrap()
    })
}

/// What the server gives a build whose project has a team's key.
pub fn credentials() -> Value {
    json!({ "api_key": {
        "key_id": "2X9R4HXF34", "issuer_id": "57246542-96fe-1a63-e053-0824d011072a", "private_key": pem(),
        "enterprise": false, "name": "Northwind",
    } })
}

impl Job {
    /// One whose project has a team's key.
    pub fn start() -> Self {
        Self::given(200, credentials())
    }

    /// One whose server answers so when it is asked for credentials.
    pub fn given(status: u16, answer: Value) -> Self {
        let server = Receiver::that("127.0.0.1:0".parse().unwrap(), move |_, asked| {
            let described = json!({ "id": "bld_x", "ends_at": "2100-01-01T00:00:00Z" });
            Some(match asked.line.split(' ').take(2).collect::<Vec<_>>()[..] {
                ["POST", "/api/v1/build/credentials"] => (status, answer.to_string()),
                ["GET", "/api/v1/build"] => (200, described.to_string()),
                ["DELETE", "/api/v1/build"] => (200, "{}".into()),
                _ => (404, json!({ "code": "not-found", "detail": "There is nothing." }).to_string()),
            })
        });
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("tmp")).unwrap();
        Self { home, server }
    }

    /// The program in this job.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.home.path());
        command.args(arguments);
        command.envs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("DOORKEY_URL", &format!("http://{}", self.server.address)),
            ("DOORKEY_BUILD_TOKEN", BUILD_TOKEN),
        ]);
        command.env("TMPDIR", self.home.path().join("tmp")).env("HOME", self.home.path());
        command
    }

    /// Runs `doorkey exec` with this command.
    pub fn exec(&self, command: &[&str]) -> Done {
        self.exec_for(&[], command)
    }

    /// The same, with what stands before the command.
    pub fn exec_for(&self, options: &[&str], command: &[&str]) -> Done {
        let arguments = [&["exec"], options, &["--"], command].concat();
        Done::of(&mut self.command(&arguments), "")
    }

    /// Begins a `doorkey exec` that goes on.
    pub fn begin(&self, command: &[&str]) -> Step {
        Step::of(&mut self.command(&[&["exec", "--"], command].concat()))
    }

    /// Writes a script into the job's folder.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// What there is of folders with keys.
    pub fn folders(&self) -> Vec<PathBuf> {
        let Ok(places) = fs::read_dir(self.home.path().join("tmp")) else { return Vec::new() };
        let inside =
            |place: PathBuf| fs::read_dir(place).into_iter().flatten().map(|found| found.unwrap().path());
        places.flat_map(|place| inside(place.unwrap().path())).collect()
    }
}

/// A command that goes on.
pub struct Step {
    child: Child,
    pub out: Output,
    pub err: Output,
}

impl Step {
    pub fn of(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Output::of(child.stdout.take().unwrap()), Output::of(child.stderr.take().unwrap()));
        Self { child, out, err }
    }

    /// Sends it a signal by its name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Done {
        let (out, err) = (self.out.whole(), self.err.whole());
        Done { code: self.child.wait().unwrap().code(), out, err }
    }

    /// Waits for the process alone, whoever else holds its output.
    pub fn killed(mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        sweep(self.child.id());
    }
}

/// Sends a process a signal.
pub fn signal(process: u32, name: &str) {
    let done = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(done.success());
}
