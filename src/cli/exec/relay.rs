//! What the command writes, on its way to where we write: masked, and never kept.

use std::{
    io::{self, ErrorKind},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, OnceLock},
    thread,
};

use mask::Masker;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, ioctl_fionread, read, write},
};
use tokio::sync::mpsc;

/// How much is read at once, in bytes: as much as a pipe holds.
const PIECE: usize = 64 * 1024;

/// How a stream came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it was passed on.
    Whole,
    /// Somebody still holds it open; what was in it was passed on.
    StillOpen,
    /// Whoever read it from us has gone.
    ReaderGone,
    /// It can't be passed on.
    Failed(ErrorKind),
}

/// A masker in the making: it takes as long as a small command runs. Nothing is passed on before it is there.
#[derive(Default)]
pub(super) struct Learned(OnceLock<Option<Masker>>);

impl Learned {
    /// Begins to learn these secrets.
    pub(super) fn begin(secrets: Vec<domain::Secret<Vec<u8>>>) -> io::Result<Arc<Self>> {
        let learned = Arc::<Self>::default();
        let ours = Arc::clone(&learned);
        thread::Builder::new().name("masker".into()).spawn(move || {
            let all = secrets.iter().map(|secret| mask::Secret::Random(secret.expose()));
            let _ = ours.0.set(Masker::new(all).ok());
        })?;
        Ok(learned)
    }

    /// One for a stream.
    fn masker(&self) -> io::Result<Masker> {
        self.0.wait().as_ref().map(Masker::another).ok_or_else(|| ErrorKind::OutOfMemory.into())
    }
}

/// Passes `from` on to `to`, until it ends or `stop` is closed. Says on `ended` how.
pub(super) fn start(
    from: OwnedFd,
    to: OwnedFd,
    masker: Arc<Learned>,
    stop: OwnedFd,
    ended: mpsc::UnboundedSender<End>,
) -> io::Result<()> {
    thread::Builder::new().name("output".into()).spawn(move || {
        let end = pass(&from, &to, &masker, stop.as_fd());
        // The command hears of a reader that has gone before we say so.
        drop(from);
        let _ = ended.send(end.unwrap_or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => End::ReaderGone,
            kind => End::Failed(kind),
        }));
    })?;
    Ok(())
}

fn pass(from: &OwnedFd, to: &OwnedFd, learned: &Learned, stop: BorrowedFd<'_>) -> io::Result<End> {
    let mut masker = None;
    let (mut piece, mut out) = (vec![0; PIECE], Vec::with_capacity(2 * PIECE));
    // How much is still taken once it has been told to stop.
    let mut left = None;
    let end = loop {
        if left == Some(0) {
            break if has_ended(from.as_fd()) { End::Whole } else { End::StillOpen };
        }
        let told = wait(from.as_fd(), stop)?;
        if told && left.is_none() {
            let there = ioctl_fionread(from).unwrap_or_default();
            left = Some(usize::try_from(there).unwrap_or(usize::MAX));
            continue;
        }
        let length = match read(from, piece.as_mut_slice()) {
            // The other side of a terminal ends with EIO.
            Ok(0) | Err(Errno::IO) => break End::Whole,
            Ok(length) => length,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(error) => return Err(error.into()),
        };
        left = left.map(|left| left.saturating_sub(length));
        let masker = match &mut masker {
            Some(masker) => masker,
            none => none.insert(learned.masker()?),
        };
        masker.push(piece.get(..length).unwrap_or_default(), &mut out);
        write_all(to.as_fd(), &out)?;
        out.clear();
    };
    if let Some(mut masker) = masker {
        masker.finish(&mut out);
    }
    write_all(to.as_fd(), &out)?;
    Ok(end)
}

/// Waits until there is something to read, and says whether it was told to stop.
fn wait(from: BorrowedFd<'_>, stop: BorrowedFd<'_>) -> io::Result<bool> {
    loop {
        let mut both =
            [PollFd::from_borrowed_fd(from, PollFlags::IN), PollFd::from_borrowed_fd(stop, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) => {
                let [_, stop] = both;
                return Ok(!stop.revents().is_empty());
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether nobody can write to it any more.
fn has_ended(from: BorrowedFd<'_>) -> bool {
    let mut one = [PollFd::from_borrowed_fd(from, PollFlags::IN)];
    let at_once = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    let [now] = match poll(&mut one, Some(&at_once)) {
        Ok(_) => one.map(|one| one.revents()),
        Err(_) => return false,
    };
    now.contains(PollFlags::HUP) && !now.contains(PollFlags::IN)
}

/// Writes all of it, also to a file that somebody has made non-blocking.
pub(super) fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut room = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
                match poll(&mut room, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
