//! A terminal for the command, where we have one: it stays a terminal, and what it shows is masked.
//!
//! Ours is made raw: each key goes on to the command's own, which makes of it what it is set to, signals too.

use std::{
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Command, ExitCode},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, getpgrp, ioctl_tiocsctty, setsid},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    stdio::{stderr, stdin, stdout},
    termios::{
        LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
        tcgetwinsize, tcsetattr, tcsetwinsize,
    },
};

use super::child::cannot_start;
use super::relay::write_all;
use crate::cli::console::Console;

/// Both terminals: the one that we are on, and the one that the command is on.
pub(super) struct Terminal {
    /// The command's, from our side.
    ours: OwnedFd,
    /// How the outer one was set before; none while it is as it was.
    before: Mutex<Option<Termios>>,
    resumed: Mutex<Option<mpsc::Sender<()>>>,
    /// Whether all of the command's streams are on it. Where others write to ours too, it goes on making lines of what is
    /// written, and the command's doesn't.
    whole: bool,
}

impl Terminal {
    /// A new terminal, of the same size and set as ours is. Gives the side that the command is on too.
    pub(super) fn open(whole: bool) -> io::Result<(Arc<Self>, OwnedFd)> {
        let whole = whole && in_foreground();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        for outer in [stdin(), stdout(), stderr()] {
            if let Ok(mut set) = tcgetattr(outer) {
                set.output_modes.set(OutputModes::OPOST, whole);
                tcsetattr(&theirs, OptionalActions::Now, &set)?;
                break;
            }
        }
        let terminal = Self { ours, before: Mutex::default(), resumed: Mutex::default(), whole };
        terminal.fit();
        Ok((Arc::new(terminal), theirs))
    }

    /// Our side, to read what it shows.
    pub(super) fn shown(&self) -> io::Result<OwnedFd> {
        self.ours.try_clone()
    }

    /// Makes it as large as ours.
    pub(super) fn fit(&self) {
        for outer in [stdout(), stderr(), stdin()] {
            if let Ok(size) = tcgetwinsize(outer) {
                // A terminal without a size is still one.
                let _ = tcsetwinsize(&self.ours, size);
                return;
            }
        }
    }

    /// Makes our terminal raw, if it is ours to set: in the background it belongs to somebody else.
    pub(super) fn enter(&self) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() || !in_foreground() {
            return;
        }
        let Ok(set) = tcgetattr(stdin()) else { return };
        let mut raw = set.clone();
        raw.make_raw();
        if !self.whole {
            raw.output_modes = set.output_modes;
        }
        if tcsetattr(stdin(), OptionalActions::Drain, &raw).is_ok() {
            *before = Some(set);
        }
        drop(before);
        if let Some(resumed) = &*self.resumed.lock().unwrap_or_else(PoisonError::into_inner) {
            // Only the reader of keys hears it, and it may have ended.
            let _ = resumed.send(());
        }
    }

    /// Sets it back.
    pub(super) fn leave(&self) {
        if let Some(before) = self.before.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A terminal that has gone needs no setting.
            let _ = tcsetattr(stdin(), OptionalActions::Drain, &before);
        }
    }

    /// Passes keys on. `suspend` is told of the key that stops the command: its terminal can't, as nobody of its session
    /// would be there to continue it.
    pub(super) fn pass_keys(
        self: &Arc<Self>,
        command: Pid,
        suspend: tokio::sync::mpsc::UnboundedSender<()>,
    ) -> io::Result<()> {
        let (resumed, wait) = mpsc::channel();
        *self.resumed.lock().unwrap_or_else(PoisonError::into_inner) = Some(resumed);
        let terminal = Arc::clone(self);
        thread::Builder::new().name("keys".into()).spawn(move || {
            let mut keys = [0; 1024];
            loop {
                // In the background, reading would stop us.
                while !in_foreground() {
                    if wait.recv().is_err() {
                        return;
                    }
                }
                let keys = match rustix::io::read(stdin(), &mut keys) {
                    Ok(0) => return,
                    Ok(length) => keys.get(..length).unwrap_or_default(),
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(_) => return,
                };
                if terminal.suspends(keys, command) {
                    let _ = suspend.send(());
                } else if write_all(terminal.ours.as_fd(), keys).is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Whether the key is the one that suspends, and the command itself reads the terminal: a shell of its own does it itself.
    fn suspends(&self, keys: &[u8], command: Pid) -> bool {
        let Ok(set) = tcgetattr(&self.ours) else { return false };
        set.local_modes.contains(LocalModes::ISIG)
            && keys == [set.special_codes[SpecialCodeIndex::VSUSP]]
            && tcgetpgrp(&self.ours).is_ok_and(|group| group == command)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

fn in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// What `doorkey exec` runs between itself and the command: the only way to have a terminal of one's own is to ask for it
/// from within.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which of standard input, output and error is the terminal
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    terminal: u8,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

/// Becomes the command, in a session of its own on that terminal.
pub(in crate::cli) fn become_the_command(args: &Args, console: &mut Console) -> ExitCode {
    let terminal = match args.terminal {
        0 => stdin(),
        1 => stdout(),
        _ => stderr(),
    };
    let session = setsid().and_then(|_| ioctl_tiocsctty(terminal));
    let error = match (session, args.command.split_first()) {
        (Ok(()), Some((program, arguments))) => Command::new(program).args(arguments).exec(),
        (Err(error), _) => error.into(),
        (Ok(()), None) => io::ErrorKind::NotFound.into(),
    };
    let (code, why) = cannot_start(args.command.first(), &error);
    console.failure(&why);
    ExitCode::from(code)
}
