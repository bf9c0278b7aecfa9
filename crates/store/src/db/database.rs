//! The database as the store sees it: writes in a queue, reads from a pool.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use super::conn::Role;
use super::postgres::{self, PostgresUrl};
use super::queue::{Queue, Refused};
use super::readers::{Caller, Readers};
use super::unit::Work;
use super::writer::{Follower, Job, Writer};
use super::{Conn, DbError, Figures, Lease, Migration, OpenError, Outcome, Tx, files, migrate, sqlite};

/// Where the data is, and how patient to be.
#[derive(Clone, Debug)]
pub struct Options {
    place: Place,
    /// How long to wait for a lock that another program holds on the database.
    pub busy_timeout: Duration,
    /// How many connections serve [`Database::read`].
    pub readers: usize,
    /// How many connections serve [`Database::scan`]; others, so that scans never keep reads waiting.
    pub scanners: usize,
    /// How long a read or a scan waits for a connection.
    pub read_wait: Duration,
    /// How many units of work may wait to be stored.
    pub queue: usize,
    pub(super) figures: Arc<Figures>,
    /// Runs while the data is open and ours.
    pub lease: Lease,
    /// What the data must have been made by.
    pub(super) migrations: Vec<Migration>,
}

#[derive(Clone, Debug)]
enum Place {
    Sqlite(PathBuf),
    Postgres { server: postgres::Server, holder: String },
}

/// How many reads and scans may wait for an answer at a time, each. They wait on threads, of which there are only so many, and the
/// last ones belong to those who need no database.
const WAITING: usize = 64;

impl Options {
    /// Data in this SQLite file. It and its folder are made if need be, closed to other users.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::Sqlite(path.into()))
    }

    /// Data in this PostgreSQL database. `holder` says who is going to own it: the same for every process that can only be there when
    /// no other is.
    pub fn postgres(url: PostgresUrl, holder: String) -> Result<Self, OpenError> {
        let server = postgres::Server::new(url)?;
        Ok(Self { readers: 8, ..Self::at(Place::Postgres { server, holder }) })
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            scanners: 2,
            read_wait: Duration::from_secs(5),
            queue: 8192,
            figures: Arc::default(),
            lease: Lease::default(),
            migrations: Vec::new(),
        }
    }

    /// With a lease that others look at too.
    #[must_use]
    pub fn under(self, lease: Lease) -> Self {
        Self { lease, ..self }
    }

    pub(super) fn connect(&self, role: Role) -> Result<Conn, OpenError> {
        let figures = Arc::clone(&self.figures);
        match &self.place {
            Place::Sqlite(path) => {
                Ok(Conn::sqlite(sqlite::Session::open(path, role, self.busy_timeout)?, role, figures))
            }
            Place::Postgres { server, holder } => {
                let owner = postgres::Owner { holder: holder.clone(), lease: self.lease.clone() };
                Ok(Conn::postgres(postgres::Session::open(server, role, &owner)?, role, figures))
            }
        }
    }

    /// A connection that looks at what is there, whatever that is.
    pub(crate) fn reader(&self) -> Result<Conn, OpenError> {
        self.connect(Role::Read)
    }

    /// The error of opening this database.
    pub(super) fn failed(&self, source: DbError) -> OpenError {
        OpenError::Database { place: self.place(), source }
    }

    /// Whether the data is elsewhere, behind a connection that may end.
    pub(super) const fn is_remote(&self) -> bool {
        matches!(self.place, Place::Postgres { .. })
    }

    /// Where the data is, for messages.
    pub(super) fn place(&self) -> String {
        match &self.place {
            Place::Sqlite(path) => path.display().to_string(),
            Place::Postgres { server, .. } => server.place(),
        }
    }

    /// Makes the place ready, brings the data up to the newest migration, and gives the connection that writes.
    pub(super) fn prepare(&mut self, migrations: &[Migration]) -> Result<Conn, OpenError> {
        self.migrations = migrations.to_vec();
        if let Place::Sqlite(path) = &mut self.place {
            Self::prepare_file(path)?;
            migrate::run(&mut self.connect(Role::Migrate)?, &self.migrations, &self.place())?;
            let conn = self.connect(Role::Write)?;
            self.lease.begin_for_ever();
            return Ok(conn);
        }
        // One connection from the beginning: the lock is on it.
        let mut conn = self.connect(Role::Write)?;
        conn.patience_of(Role::Migrate).map_err(|source| self.failed(source))?;
        migrate::run(&mut conn, &self.migrations, &self.place())?;
        conn.patience_of(Role::Write).map_err(|source| self.failed(source))?;
        conn.own().map_err(|source| self.failed(source))?;
        Ok(conn)
    }

    fn prepare_file(path: &mut PathBuf) -> Result<(), OpenError> {
        let file = |path: &PathBuf| {
            let path = path.clone();
            move |source| OpenError::File { path, source }
        };
        // Absolute, so that it can't be taken for a URI, and a change of the working folder changes nothing.
        *path = std::path::absolute(&*path).map_err(file(path))?;
        if let Some(folder) = path.parent() {
            files::private_folder(folder).map_err(file(&folder.to_owned()))?;
        }
        files::private_file(path).map_err(file(path))?;
        Ok(())
    }
}

/// An open database. `C` is what units of work note for the follower of the log.
pub struct Database<C> {
    queue: Arc<Queue<Job<C>>>,
    figures: Arc<Figures>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    scanners: Arc<Readers>,
    reading: Places,
    scanning: Places,
    lease: Lease,
    remote: bool,
}

impl<C: Send + 'static> Database<C> {
    /// Opens the data, brings it up to the newest migration, and starts the writer.
    ///
    /// The follower runs on the writer's thread. It must not wait for a write, and should not panic: after that, nothing is
    /// stored any more.
    pub fn open(
        mut options: Options,
        migrations: &[Migration],
        follower: impl FnMut(Outcome<'_, C>) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let conn = options.prepare(migrations)?;
        let readers = Readers::open(&options, Role::Read, options.readers)?;
        let scanners = Arc::new(Readers::open(&options, Role::Scan, options.scanners)?);
        let (lease, remote) = (options.lease.clone(), options.is_remote());
        let queue = Arc::new(Queue::new(options.queue));
        let figures = Arc::clone(&options.figures);
        let follower: Follower<C> = Box::new(follower);
        let (writer, its_queue) = (Writer::new(options.clone(), conn, follower), Arc::clone(&queue));
        let writer = std::thread::Builder::new()
            .name("db-writer".to_owned())
            .spawn(move || writer.run(&its_queue))
            .map_err(|source| OpenError::File { path: options.place().into(), source })?;
        let (reading, scanning) = (Places::default(), Places::default());
        let writer = Mutex::new(Some(writer));
        Ok(Self { queue, figures, writer, readers, scanners, reading, scanning, lease, remote })
    }

    /// Stores a unit of work: all that it does, or nothing if it fails. It may be run more than once, and only the last run
    /// counts. Once asked for it runs to its end, even if nobody waits for the answer any more.
    pub async fn write<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: FnMut(&mut Tx<'_, C>) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.push_unit(work, |result| drop(answer.send(result)))?;
        answered.await.unwrap_or_else(|_| Err(E::from(DbError::OutcomeUnknown)))
    }

    /// The same for callers that aren't async: start-up, commands and tests.
    pub fn write_blocking<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: FnMut(&mut Tx<'_, C>) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        self.push_unit(work, move |result| drop(answer.send(result)))?;
        answered.recv().unwrap_or_else(|_| Err(E::from(DbError::OutcomeUnknown)))
    }

    fn push_unit<R, E, F, A>(&self, work: F, reply: A) -> Result<(), DbError>
    where
        F: FnMut(&mut Tx<'_, C>) -> Result<R, E> + Send + 'static,
        A: FnOnce(Result<R, E>) + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.push(Job::Unit(Box::new(Work { work, result: None, reply })))
    }

    fn push(&self, job: Job<C>) -> Result<(), DbError> {
        self.may_ask()?;
        let pushed = self.queue.push(job).map_err(|refused| match refused {
            Refused::Full => DbError::Busy,
            Refused::Closed => DbError::Unavailable("it is closed".to_owned()),
        });
        pushed.inspect_err(|error| self.figures.failed(error))
    }

    /// Reads at once, on this thread: for a look at a few rows. Each statement sees what was committed last, so two of them
    /// may see two states.
    pub fn read<R, E: From<DbError>>(&self, work: impl FnOnce(&mut Conn) -> Result<R, E>) -> Result<R, E> {
        self.may_ask()?;
        if !self.remote {
            return self.readers.read(work);
        }
        let _place = self.reading.take()?;
        aside(|| self.readers.read(work))
    }

    /// While a database elsewhere can't be heard, or is somebody else's, nobody waits for it.
    fn may_ask(&self) -> Result<(), DbError> {
        if !self.remote || self.lease.runs() || self.queue.is_closed() {
            return Ok(());
        }
        Err(DbError::Unavailable("the database can't be reached, or another server has it".to_owned()))
    }

    /// Reads on a thread of its own, for anything longer. All statements see one state of the data. If the caller goes away,
    /// the statement that runs is stopped.
    pub async fn scan<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: FnOnce(&mut Conn) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.may_ask()?;
        let place = self.scanning.take()?;
        let leaving = Leaving(Caller::default());
        let (scanners, caller) = (Arc::clone(&self.scanners), leaving.0.clone());
        let scanning = move || {
            let _place = place;
            scanners.scan(&caller, work)
        };
        match tokio::task::spawn_blocking(scanning).await {
            Ok(result) => result,
            Err(_panicked) => Err(E::from(DbError::Panicked)),
        }
    }

    /// The same for callers that aren't async.
    pub fn scan_blocking<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.may_ask()?;
        self.scanners.scan(&Caller::default(), work)
    }

    /// What it counts of its own work.
    pub fn figures(&self) -> &Figures {
        self.figures.queued(self.queue.len());
        &self.figures
    }

    /// Makes what was deleted vanish from the files too, as far as the database can. `false` when a long read stands in the
    /// way: ask again later.
    pub async fn checkpoint(&self) -> Result<bool, DbError> {
        let (answer, answered) = oneshot::channel();
        self.push(Job::Checkpoint(Box::new(|done| drop(answer.send(done)))))?;
        answered.await.unwrap_or_else(|_| Err(DbError::Unavailable("it is closed".to_owned())))
    }
}

impl<C> Database<C> {
    /// Takes no more work, finishes what was taken, and closes the files. Dropping the database does the same.
    pub fn close(&self) {
        self.queue.close();
        self.readers.close();
        self.scanners.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The follower may hold the last handle; its thread can't wait for itself, and ends by itself.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != std::thread::current().id()) {
            // A panic was logged where it happened, and those who waited were told.
            let _ = writer.join();
        }
        self.lease.end();
    }
}

impl<C> Drop for Database<C> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs what may wait for the network without keeping the thread from those who don't: where this thread serves a runtime, another
/// one takes its place meanwhile.
fn aside<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Places to wait in.
#[derive(Clone, Default)]
struct Places(Arc<AtomicUsize>);

impl Places {
    fn take(&self) -> Result<TakenPlace, DbError> {
        let place = TakenPlace(self.clone());
        // It is given back in any case.
        if self.0.fetch_add(1, Ordering::Relaxed) < WAITING { Ok(place) } else { Err(DbError::Busy) }
    }
}

struct TakenPlace(Places);

impl Drop for TakenPlace {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells the scan that its caller has gone.
struct Leaving(Caller);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}
