//! The command itself: started, sent its signals, waited for, and everything that it writes masked on the way.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, IsTerminal as _},
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Child, Command, ExitStatus},
    sync::Arc,
    time::Duration,
};

use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{Pid, Signal, kill_process, kill_process_group},
    stdio::{stderr, stdout},
};
use tokio::{sync::mpsc, time::timeout};

use super::relay::{self, End, Learned};
use super::signals::{Came, Signals, stop};
use super::terminal::Terminal;
use crate::cli::console::Console;
use crate::cli::failure::Failure;

/// How long a command's descendants may go on writing once it has ended.
const LINGER: Duration = Duration::from_secs(1);

/// Runs it to its end, and gives the exit code that a shell would: its own, or 128 and the number of the signal that ended
/// it. What it was given is put away as soon as it has ended.
pub(super) async fn run(
    command: &[OsString],
    set: impl Fn(&mut Command),
    masker: &Arc<Learned>,
    signals: &mut Signals,
    console: &mut Console,
    put_away: impl FnOnce(&mut Console),
) -> Result<u8, Failure> {
    let mut streams = Streams::default();
    let mut started = match streams.start(command, set, masker) {
        Ok(started) => started,
        Err(NotStarted::Command(error)) => {
            let (code, why) = cannot_start(command.first(), &error);
            console.failure(&why);
            return Ok(code);
        }
        Err(NotStarted::Machine(error)) => {
            return Err(Failure::Refused(format!("The command can't be given its output: {error}.")));
        }
    };
    let status = started.until_it_ends(signals).await;
    // Before its last words are passed on: whoever reads them may take for ever.
    put_away(console);
    tokio::select! {
        () = streams.end(console) => {}
        _ = signals.ending() => {}
    }
    started.leave();
    let status =
        status.map_err(|error| Failure::Refused(format!("The command can't be waited for: {error}.")))?;
    Ok(code(status))
}

/// Another descriptor of the same, which the command doesn't have: through it everything would come out as it is.
fn ours_alone(stream: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    fcntl_dupfd_cloexec(stream, 3)
}

/// Why there is no command, and the exit code that shells have for it.
pub(super) fn cannot_start(command: Option<&OsString>, error: &io::Error) -> (u8, Failure) {
    let name = command.map(|name| name.display().to_string()).unwrap_or_default();
    match error.kind() {
        ErrorKind::NotFound => {
            (127, Failure::Refused(format!("{name} isn't there. Look at its name, and at PATH.")))
        }
        _ => (126, Failure::Refused(format!("{name} can't be started: {error}."))),
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

enum NotStarted {
    /// It can't be run.
    Command(io::Error),
    /// There is no terminal or pipe for it.
    Machine(io::Error),
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

impl From<rustix::io::Errno> for NotStarted {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Machine(error.into())
    }
}

/// Where the command stands between us and a terminal.
enum Place {
    /// In a process group of its own: it has its signals from us alone.
    Apart,
    /// In ours, as its standard input is our terminal, which sends its signals to both.
    Beside,
    /// On a terminal of its own.
    Terminal { terminal: Arc<Terminal>, suspend: mpsc::UnboundedReceiver<()> },
}

struct Started {
    child: Child,
    pid: Pid,
    place: Place,
}

/// What it writes, in as many threads.
#[derive(Default)]
struct Streams {
    ended: Option<mpsc::UnboundedReceiver<End>>,
    running: usize,
    /// Closed, it tells them to stop.
    stop: Option<io::PipeWriter>,
}

impl Streams {
    fn start(
        &mut self,
        command: &[OsString],
        set: impl Fn(&mut Command),
        masker: &Arc<Learned>,
    ) -> Result<Started, NotStarted> {
        let [input, out, err] =
            [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
        let (mut passed, mut terminal) = (Vec::new(), None);
        let mut child = if out || err {
            let (ours, theirs) = Terminal::open(input && out && err)?;
            let on = ["0", "1", "2"].into_iter().zip([input, out, err]).find_map(|(fd, is)| is.then_some(fd));
            let mut child = Command::new(std::env::current_exe()?);
            child.args(["exec-on-terminal", "--terminal", on.unwrap_or("1"), "--"]).args(command);
            if input {
                child.stdin(theirs.try_clone()?);
            }
            if out {
                child.stdout(theirs.try_clone()?);
            }
            if err {
                child.stderr(theirs.try_clone()?);
            }
            passed.push((ours.shown()?, ours_alone(if out { stdout() } else { stderr() })?));
            terminal = Some((ours, input));
            child
        } else {
            let (program, arguments) =
                command.split_first().ok_or(ErrorKind::NotFound).map_err(io::Error::from)?;
            let mut child = Command::new(program);
            child.args(arguments);
            if !input {
                child.process_group(0);
            }
            child
        };
        if !out {
            let (reader, writer) = io::pipe()?;
            child.stdout(writer);
            passed.push((OwnedFd::from(reader), ours_alone(stdout())?));
        }
        if !err {
            let (reader, writer) = io::pipe()?;
            child.stderr(writer);
            passed.push((OwnedFd::from(reader), ours_alone(stderr())?));
        }
        set(&mut child);
        // What is passed on begins before the command does, so that nothing fails once it runs.
        let (stop_reader, stop) = io::pipe()?;
        let (say, ended) = mpsc::unbounded_channel();
        for (from, to) in passed {
            relay::start(from, to, Arc::clone(masker), OwnedFd::from(stop_reader.try_clone()?), say.clone())?;
            self.running += 1;
        }
        (self.stop, self.ended) = (Some(stop), Some(ended));
        let spawned = child.spawn();
        // Our copies of its ends go, or it would never end.
        drop(child);
        let spawned = match spawned {
            Ok(spawned) => spawned,
            Err(error) if terminal.is_some() => return Err(NotStarted::Machine(error)),
            Err(error) => return Err(NotStarted::Command(error)),
        };
        let pid = Pid::from_child(&spawned);
        let place = match terminal {
            None if input => Place::Beside,
            None => Place::Apart,
            Some((terminal, keys)) => {
                let (say, suspend) = mpsc::unbounded_channel();
                if keys {
                    terminal.enter();
                    terminal.pass_keys(pid, say)?;
                }
                Place::Terminal { terminal, suspend }
            }
        };
        Ok(Started { child: spawned, pid, place })
    }

    /// Waits for the streams to end, though not for ever: something that the command left behind may hold them.
    async fn end(&mut self, console: &mut Console) {
        let Some(ended) = &mut self.ended else { return };
        let mut ends = Vec::new();
        let all = async {
            while ends.len() < self.running
                && let Some(end) = ended.recv().await
            {
                ends.push(end);
            }
        };
        let late = timeout(LINGER, all).await.is_err();
        if late {
            self.stop = None;
            // Whoever reads us slowly is waited for: what has been written isn't lost.
            while ends.len() < self.running
                && let Some(end) = ended.recv().await
            {
                ends.push(end);
            }
        }
        if ends.contains(&End::StillOpen) {
            console.note(
                "doorkey: The command has ended, but something that it started still holds its output. What that writes \
                 from now on is lost.",
            );
        }
        for end in ends {
            if let End::Failed(kind) = end {
                console.note(&format!("doorkey: What the command writes can't be passed on: {kind}."));
            }
        }
    }
}

impl Started {
    /// Waits for its end, and passes signals on until then.
    async fn until_it_ends(&mut self, signals: &mut Signals) -> io::Result<ExitStatus> {
        loop {
            // It may have ended before the first word of it.
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            let came = match &mut self.place {
                Place::Terminal { suspend, .. } => tokio::select! {
                    came = signals.next() => came,
                    Some(()) = suspend.recv() => Came::Signal(Signal::TSTP),
                },
                Place::Apart | Place::Beside => signals.next().await,
            };
            if let Came::Signal(signal) = came {
                self.pass_on(signal);
            }
        }
    }

    fn pass_on(&self, signal: Signal) {
        // Whoever has ended needs no signal.
        let send = |signal| {
            let _ = kill_process_group(self.pid, signal);
        };
        match (&self.place, signal) {
            (Place::Terminal { terminal, .. }, Signal::WINCH) => terminal.fit(),
            (Place::Terminal { terminal, .. }, Signal::TSTP) => {
                send(Signal::STOP);
                terminal.leave();
                stop();
            }
            (Place::Terminal { terminal, .. }, Signal::CONT) => {
                terminal.enter();
                terminal.fit();
                send(Signal::CONT);
            }
            (Place::Apart, Signal::TSTP) => {
                send(Signal::TSTP);
                stop();
            }
            (Place::Apart | Place::Terminal { .. }, signal) => send(signal),
            // The terminal has sent it to the whole group.
            (Place::Beside, Signal::TSTP) => stop(),
            (Place::Beside, Signal::INT | Signal::QUIT | Signal::WINCH | Signal::CONT) => {}
            (Place::Beside, signal) => {
                let _ = kill_process(self.pid, signal);
            }
        }
    }

    /// Gives the terminal back as it was.
    fn leave(&self) {
        if let Place::Terminal { terminal, .. } = &self.place {
            terminal.leave();
        }
    }
}
