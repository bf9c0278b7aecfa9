//! Hashing passwords: away from the threads that answer, on fewer threads than there are cores, in a line of bounded length. A flood of
//! sign-ins takes neither the machine's memory nor the doors' time.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{Rng, Secret};
use tokio::sync::{mpsc, oneshot};

use super::{
    memory::Memory,
    password::{Kept, NewPassword},
};
use crate::problem::Problem;

/// How many passwords may wait in line. More than that is a flood, and is told to come back.
pub const LINE: usize = 200;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// The threads that hash, and the line before them.
pub struct Hasher {
    line: mpsc::Sender<Job>,
}

/// A place in the line. It is had before anything is counted or written, so that a flood costs nobody an attempt.
pub struct Turn(mpsc::OwnedPermit<Job>);

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> std::io::Result<Self> {
        let (line, jobs) = mpsc::channel::<Job>(LINE);
        let jobs = Arc::new(Mutex::new(jobs));
        // One core stays for the doors, whatever comes here. Each keeps 19 MiB.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores.saturating_sub(1).max(1) {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name("hasher".into()).spawn(move || work_off(&jobs))?;
        }
        Ok(Self { line })
    }

    /// How many stand in the line.
    pub fn waiting(&self) -> usize {
        self.line.max_capacity() - self.line.capacity()
    }

    /// A place in the line.
    ///
    /// # Errors
    /// `unavailable` when it is full.
    pub fn turn(&self) -> Result<Turn, Problem> {
        self.line.clone().try_reserve_owned().map(Turn).map_err(|_| Problem::unavailable())
    }
}

/// Does what comes, until the hasher is dropped.
fn work_off(jobs: &Mutex<mpsc::Receiver<Job>>) {
    let mut memory = Memory::default();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match job {
            Some(job) => job(&mut memory),
            None => return,
        }
    }
}

impl Turn {
    /// Hashes a new password.
    ///
    /// # Errors
    /// When the work can't be done at all.
    pub async fn hash(self, password: NewPassword, rng: &mut Rng) -> Result<Kept, Problem> {
        let salt = rng.bytes();
        self.run(move |memory| password.hash(memory, &salt)).await
    }

    /// Whether the password is the one that is kept.
    ///
    /// # Errors
    /// When the work can't be done at all.
    pub async fn matches(self, typed: &str, kept: Kept) -> Result<bool, Problem> {
        let typed = Secret::new(typed.to_owned());
        self.run(move |memory| kept.is(memory, typed.expose())).await
    }

    /// Does anything else that takes as long.
    ///
    /// # Errors
    /// When the work can't be done at all.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> Option<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        // Nobody may be waiting any more by the time it is done.
        self.0.send(Box::new(move |memory| drop(answer.send(work(memory)))));
        answered.await.ok().flatten().ok_or_else(|| {
            tracing::error!("a password could not be hashed");
            Problem::unavailable()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[tokio::test]
    async fn a_full_line_is_said_before_anything_is_counted() {
        let hasher = Hasher::start().unwrap();
        let turns: Vec<_> = (0..LINE).map(|_| hasher.turn().map_err(|problem| problem.code)).collect();
        assert!(turns.iter().all(Result::is_ok));
        assert_eq!(hasher.turn().err().map(|problem| problem.code), Some(Code::Unavailable));
        drop(turns);
        let kept =
            hasher.turn().map_err(|problem| problem.code).unwrap().matches("anything", Kept::nobody()).await;
        assert_eq!(kept, Ok(false));
    }
}
