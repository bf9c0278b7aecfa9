//! The signals that come for the command, and word that it has ended.

use std::{fs, future::poll_fn, io, task::Poll};

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{self, SignalKind};

/// What is passed on.
const PASSED_ON: [Signal; 9] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
];

/// Signals that are no longer obeyed, but told of.
pub(super) struct Signals {
    taken: Vec<(Signal, unix::Signal)>,
    child: unix::Signal,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Signal(Signal),
    /// A child changed.
    Child,
}

impl Signals {
    /// Takes them. One that is ignored, as `nohup` has it, is left alone, and the command ignores it too.
    pub(super) fn take() -> io::Result<Self> {
        let ignored = ignored();
        let mut taken = Vec::new();
        for signal in PASSED_ON {
            if ignored & 1 << (signal.as_raw() - 1) == 0 {
                taken.push((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
            }
        }
        Ok(Self { taken, child: unix::signal(SignalKind::child())? })
    }

    /// Waits for what comes next.
    pub(super) async fn next(&mut self) -> Came {
        poll_fn(|cx| {
            for (signal, stream) in &mut self.taken {
                if stream.poll_recv(cx).is_ready() {
                    return Poll::Ready(Came::Signal(*signal));
                }
            }
            if self.child.poll_recv(cx).is_ready() { Poll::Ready(Came::Child) } else { Poll::Pending }
        })
        .await
    }

    /// Waits for one that is to end us while there is no command yet.
    pub(super) async fn ending(&mut self) -> Signal {
        loop {
            match self.next().await {
                Came::Signal(signal @ (Signal::INT | Signal::TERM | Signal::HUP | Signal::QUIT)) => {
                    return signal;
                }
                Came::Signal(Signal::TSTP) => stop(),
                Came::Signal(_) | Came::Child => {}
            }
        }
    }
}

/// Stops this process, as the signal would have that was taken. Goes on when it is continued.
pub(super) fn stop() {
    // A process may always stop itself.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// The signals that this process was started with ignored, a bit each.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
