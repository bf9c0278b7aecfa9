//! The writer: one thread that commits units of work in groups.
//!
//! What has gathered is stored by one commit, so that many units share one wait for the disk. Each unit has a savepoint, so
//! that it fails alone; nobody is answered before the outcome of the commit is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::conn::{CommitFailure, Role};
use super::queue::{Queue, Taken};
use super::unit::{Tx, Unit};
use super::{Conn, DbError, OpenError, Options, migrate};

/// How many units at most share a commit.
const GROUP: usize = 256;

/// How often the writer looks whether a database elsewhere is still there, and still ours, while there is nothing to write.
const TEND: Duration = Duration::from_secs(1);

/// How often a group is tried that only needs a fresh look at the data.
const TRIES: usize = 5;

/// What the follower of the log is told, in the order of the log and before the units' callers are answered.
pub enum Outcome<'a, C> {
    /// These notes' units are stored.
    Committed {
        /// The notes, in the order of the log.
        notes: &'a [C],
        /// A connection to read with.
        conn: &'a mut Conn,
    },
    /// These notes' units may be stored, or not. What can be read now is not final either: wait for `Settled`.
    Unknown {
        /// The notes, in the order that the log has if they are stored.
        notes: &'a [C],
    },
    /// What can be read now about all that was unknown is final.
    Settled {
        /// A connection to read with.
        conn: &'a mut Conn,
    },
}

pub(super) type Follower<C> = Box<dyn FnMut(Outcome<'_, C>) + Send>;

type Group<C> = Vec<Box<dyn Unit<C>>>;

pub(super) enum Job<C> {
    Unit(Box<dyn Unit<C>>),
    Checkpoint(Box<dyn FnOnce(Result<bool, DbError>) + Send>),
}

pub(super) struct Writer<C> {
    options: Options,
    follower: Follower<C>,
    /// Missing when it has to be opened anew.
    conn: Option<Conn>,
    /// The outcome of some commit is unknown, or others may have written, and the follower waits for `Settled`.
    unsettled: bool,
    /// The follower panicked: it no longer knows the log, so nothing more may be stored behind its back.
    follower_lost: bool,
    /// Why the database can't be had, as it was last logged.
    trouble: Option<DbError>,
}

/// How an attempt to store a group ended.
enum Ended<C> {
    Committed(Vec<C>),
    /// Nothing is stored; the same may go well with a fresh look at the data.
    Again(DbError),
    /// Nothing is stored, because of one unit among them; the others may go well without it.
    Apart(DbError),
    /// Nothing is stored, and it is nobody's fault.
    Refused(DbError),
    Unknown(Vec<C>),
}

impl<C> Writer<C> {
    pub(super) fn new(options: Options, conn: Conn, follower: Follower<C>) -> Self {
        Self { options, follower, conn: Some(conn), unsettled: false, follower_lost: false, trouble: None }
    }

    /// Serves until the queue is closed and empty, then leaves everything in the main file.
    pub(super) fn run(mut self, queue: &Arc<Queue<Job<C>>>) {
        let _however_it_ends = Abandon(queue);
        loop {
            let jobs = match queue.take(GROUP, TEND) {
                Taken::Items(jobs) => jobs,
                Taken::Nothing => {
                    self.tend();
                    continue;
                }
                Taken::Closed => break,
            };
            let mut group = Vec::with_capacity(jobs.len());
            for job in jobs {
                match job {
                    Job::Unit(unit) => group.push(unit),
                    Job::Checkpoint(reply) => {
                        self.serve(std::mem::take(&mut group));
                        reply(self.checkpoint());
                    }
                }
            }
            self.serve(group);
        }
        if self.options.is_remote() {
            // Without it a successor only waits longer.
            if let Some(Err(error)) = self.conn.as_mut().map(Conn::give_back) {
                tracing::warn!(%error, "the data could not be given back; the next server waits until nobody can be using it");
            }
        } else if let Err(error) = self.checkpoint() {
            tracing::warn!(%error, "the log could not be emptied at the end; the next start reads it");
        }
    }

    /// Finds out whether a database elsewhere is still there, and comes back to it when it is again.
    fn tend(&mut self) {
        if !self.options.is_remote() {
            return;
        }
        let tended = self.ready().and_then(|mut conn| {
            let pinged = conn.ping();
            self.keep(conn);
            pinged
        });
        match tended {
            Ok(()) if self.trouble.take().is_some() => tracing::info!("the database is there again"),
            Ok(()) => {}
            Err(error) if self.trouble.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::error!(%error, "the database can't be used: everything that needs it is answered as unavailable");
                self.trouble = Some(error);
            }
        }
    }

    /// Keeps the connection for what comes next, if it can be used.
    fn keep(&mut self, conn: Conn) {
        if conn.is_usable() {
            self.conn = Some(conn);
        } else {
            drop(conn);
            self.lost();
        }
    }

    /// The connection to a database elsewhere is gone, and the lock with it: until both are there again, others may write.
    fn lost(&mut self) {
        if self.options.is_remote() && !self.unsettled {
            self.unsettled = true;
            self.tell(Outcome::Unknown { notes: &[] });
        }
    }

    fn checkpoint(&mut self) -> Result<bool, DbError> {
        let mut conn = self.ready()?;
        let done = conn.checkpoint(self.options.busy_timeout);
        self.keep(conn);
        done
    }

    fn serve(&mut self, mut group: Group<C>) {
        if group.is_empty() {
            return;
        }
        let mut tries = 1;
        let ended = loop {
            let figures = Arc::clone(&self.options.figures);
            match figures.timed(|| self.attempt(&mut group)) {
                Ended::Again(_) if tries < TRIES => tries += 1,
                ended => break ended,
            }
        };
        let fate = match ended {
            Ended::Committed(notes) => {
                self.options.figures.stored();
                let followed = notes.is_empty() || self.tell_committed(&notes);
                // It is stored, but who asks the follower gets an older answer; "stored" would be too much to say.
                if followed { Ok(()) } else { Err(DbError::OutcomeUnknown) }
            }
            Ended::Again(_) | Ended::Apart(_) if group.len() > 1 => {
                for unit in group {
                    self.serve(vec![unit]);
                }
                return;
            }
            Ended::Again(error) | Ended::Apart(error) | Ended::Refused(error) => {
                self.options.figures.failed(&error);
                Err(error)
            }
            Ended::Unknown(notes) => {
                self.options.figures.failed(&DbError::OutcomeUnknown);
                self.unsettled = true;
                self.tell(Outcome::Unknown { notes: &notes });
                // At once if that can be, so that the callers can read what came of it.
                match self.ready() {
                    Ok(conn) => self.keep(conn),
                    Err(error) => {
                        tracing::error!(%error, "a commit's outcome is unknown, and can't be settled yet");
                    }
                }
                Err(DbError::OutcomeUnknown)
            }
        };
        for unit in group {
            // What the caller left in the unit is dropped here; if that panics, the next one still gets an answer.
            if catch_unwind(AssertUnwindSafe(|| unit.answer(fate.clone()))).is_err() {
                tracing::error!("a unit of work panicked while it was answered");
            }
        }
    }

    fn attempt(&mut self, group: &mut Group<C>) -> Ended<C> {
        let mut conn = match self.ready() {
            Ok(conn) => conn,
            Err(error) => return Ended::Refused(error),
        };
        if let Err(error) = conn.begin_write() {
            self.keep(conn);
            return Ended::Refused(error);
        }
        let mut notes = Vec::new();
        for unit in group.iter_mut() {
            if let Err(stop) = run_unit(&mut conn, unit.as_mut(), &mut notes) {
                // A connection that can't take back its work is closed, which takes it back.
                if conn.rollback().is_ok() {
                    self.keep(conn);
                }
                return stop;
            }
        }
        match conn.commit() {
            Ok(()) => {
                self.keep(conn);
                Ended::Committed(notes)
            }
            Err(CommitFailure::NotStored(error)) => {
                tracing::warn!(%error, "a commit was refused");
                self.keep(conn);
                match error {
                    DbError::Busy => Ended::Again(error),
                    DbError::Conflict(_) => Ended::Apart(error),
                    _ => Ended::Refused(error),
                }
            }
            Err(CommitFailure::Unknown(error)) => {
                tracing::error!(%error, "a commit failed, and whether it was stored is unknown");
                Ended::Unknown(notes)
            }
        }
    }

    /// The connection, opened anew if need be; with nothing unknown behind it.
    fn ready(&mut self) -> Result<Conn, DbError> {
        if self.follower_lost {
            return Err(DbError::Unavailable(
                "the follower of the log panicked; restart the server".to_owned(),
            ));
        }
        let mut conn = match self.conn.take().filter(Conn::is_usable) {
            Some(conn) => conn,
            None => {
                self.lost();
                self.connect().map_err(|error| DbError::Unavailable(error.to_string()))?
            }
        };
        if self.unsettled {
            conn.settle()?;
            self.unsettled = false;
            if !self.tell(Outcome::Settled { conn: &mut conn }) {
                return self.ready();
            }
        }
        Ok(conn)
    }

    fn connect(&self) -> Result<Conn, OpenError> {
        let mut conn = self.options.connect(Role::Write)?;
        if self.options.is_remote() {
            let place = self.options.place();
            migrate::verify(&mut conn, &self.options.migrations, &place)?;
            conn.own().map_err(|source| OpenError::Database { place, source })?;
        }
        Ok(conn)
    }

    fn tell_committed(&mut self, notes: &[C]) -> bool {
        // A connection that ended since has been told of: then nothing is answered from memory until all is read again.
        let Some(mut conn) = self.conn.take() else { return true };
        let told = self.tell(Outcome::Committed { notes, conn: &mut conn });
        self.keep(conn);
        told
    }

    fn tell(&mut self, outcome: Outcome<'_, C>) -> bool {
        let follower = &mut self.follower;
        let told = catch_unwind(AssertUnwindSafe(|| match outcome {
            Outcome::Committed { notes, conn } => {
                conn.reading(|conn| follower(Outcome::Committed { notes, conn }));
            }
            Outcome::Settled { conn } => conn.reading(|conn| follower(Outcome::Settled { conn })),
            unknown @ Outcome::Unknown { .. } => follower(unknown),
        }));
        if told.is_err() {
            tracing::error!("the follower of the log panicked; nothing is stored any more");
            self.follower_lost = true;
        }
        told.is_ok()
    }
}

/// Runs one unit in a savepoint of its own. An error is the end of the whole attempt.
fn run_unit<C>(conn: &mut Conn, unit: &mut dyn Unit<C>, notes: &mut Vec<C>) -> Result<(), Ended<C>> {
    conn.savepoint().map_err(Ended::Apart)?;
    let before = notes.len();
    let keep = unit.run(&mut Tx { conn, notes });
    let trouble = conn.take_trouble();
    if trouble == Some(DbError::Busy) {
        return Err(Ended::Again(DbError::Busy));
    }
    if !conn.is_usable() {
        let lost = || DbError::Unavailable("the connection to the database was lost".to_owned());
        return Err(Ended::Refused(trouble.unwrap_or_else(lost)));
    }
    if !conn.in_transaction() {
        // The database has taken back everything, the neighbours' work too: what follows would not be in a transaction.
        return Err(match trouble {
            Some(error @ (DbError::Unavailable(_) | DbError::Unwritable(_))) => Ended::Refused(error),
            trouble => Ended::Apart(trouble.unwrap_or(DbError::Poisoned)),
        });
    }
    if keep {
        return conn.keep_savepoint().map_err(Ended::Apart);
    }
    notes.truncate(before);
    conn.undo_savepoint().map_err(Ended::Apart)
}

/// Leaves nobody waiting for a thread that has ended.
struct Abandon<'a, C>(&'a Arc<Queue<Job<C>>>);

impl<C> Drop for Abandon<'_, C> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
