//! The command line, typed.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Server, clock::sweep, output::Output, server::program};

/// Somebody at a command line, with a home of their own.
pub struct Cli {
    pub home: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Cli {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// Runs a command that is given this on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = program(self.home.path());
        Done::of(command.args(arguments).env("HOME", self.home.path()), input)
    }

    /// Begins a command that goes on.
    pub fn start(&self, arguments: &[&str]) -> Begun {
        let mut command = program(self.home.path());
        let command = command.args(arguments).env("HOME", self.home.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Output::of(child.stdout.take().unwrap()), Output::of(child.stderr.take().unwrap()));
        Begun { running: Running(child), out, err }
    }

    /// The same on the machine of this server, whose database it knows.
    pub fn run_on(&self, server: &Server, arguments: &[&str], input: &str) -> Done {
        let mut command = program(self.home.path());
        Done::of(command.args(arguments).env("HOME", self.home.path()).envs(server.store.setting()), input)
    }

    /// The same, logging all that it can.
    pub fn run_logging(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = program(self.home.path());
        Done::of(command.args(arguments).env("HOME", self.home.path()).env("RUST_LOG", "trace"), input)
    }

    /// The path of the file that a token is kept in.
    pub fn credentials(&self) -> std::path::PathBuf {
        self.home.path().join(".config/doorkey/credentials.json")
    }
}

/// A command that goes on.
pub struct Begun {
    running: Running,
    pub out: Output,
    err: Output,
}

impl Begun {
    /// Waits for its end.
    pub fn end(mut self) -> Done {
        let (out, err) = (self.out.whole(), self.err.whole());
        Done { code: self.running.0.wait().unwrap().code(), out, err }
    }
}

/// A command that runs. One that doesn't end by itself ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        sweep(self.0.id());
    }
}

impl Done {
    /// Runs a command to its end.
    pub fn of(command: &mut Command, input: &str) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running(piped.spawn().unwrap());
        let child = &mut running.0;
        let (out, err) = (Output::of(child.stdout.take().unwrap()), Output::of(child.stderr.take().unwrap()));
        // A command that reads nothing may have ended before.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (out, err) = (out.whole(), err.whole());
        Self { code: child.wait().unwrap().code(), out, err }
    }

    /// What it printed, if it ended with this code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// The JSON that it printed, if it did what was asked.
    #[track_caller]
    pub fn json(self) -> Value {
        let done = self.with(0);
        assert_eq!(done.err, "");
        serde_json::from_str(&done.out).unwrap()
    }

    /// Whether it said this on standard error.
    #[track_caller]
    pub fn said(self, part: &str) -> Self {
        assert!(self.err.contains(part), "{part:?} isn't in: {}", self.err);
        self
    }
}
