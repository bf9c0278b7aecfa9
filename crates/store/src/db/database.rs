//! The database as the store sees it: writes in a queue, reads from a pool.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::conn::Role;
use super::queue::{Queue, Refused};
use super::readers::{Caller, Readers};
use super::unit::Work;
use super::writer::{Follower, Job, Writer};
use super::{Conn, DbError, Figures, Migration, OpenError, Outcome, Tx, files, migrate, sqlite};

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
}

#[derive(Clone, Debug)]
enum Place {
    Sqlite(PathBuf),
}

impl Options {
    /// Data in this SQLite file. It and its folder are made if need be, closed to other users.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::Sqlite(path.into()),
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            scanners: 2,
            read_wait: Duration::from_secs(5),
            queue: 8192,
            figures: Arc::default(),
        }
    }

    pub(super) fn connect(&self, role: Role) -> Result<Conn, OpenError> {
        let Place::Sqlite(path) = &self.place;
        Ok(Conn::sqlite(
            sqlite::Session::open(path, role, self.busy_timeout)?,
            role,
            Arc::clone(&self.figures),
        ))
    }

    /// The error of opening this database.
    pub(super) fn failed(&self, source: DbError) -> OpenError {
        let Place::Sqlite(path) = &self.place;
        OpenError::Database { path: path.clone(), source }
    }

    /// Makes the place ready, and brings the data up to the newest migration.
    pub(super) fn prepare(&mut self, migrations: &[Migration]) -> Result<(), OpenError> {
        let Place::Sqlite(path) = &mut self.place;
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
        let path = path.clone();
        migrate::run(&mut self.connect(Role::Migrate)?, migrations, &path)
    }
}

/// An open database. `C` is what units of work note for the follower of the log.
pub struct Database<C> {
    queue: Arc<Queue<Job<C>>>,
    figures: Arc<Figures>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    scanners: Arc<Readers>,
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
        options.prepare(migrations)?;
        let conn = options.connect(Role::Write)?;
        let readers = Readers::open(&options, options.readers)?;
        let scanners = Arc::new(Readers::open(&options, options.scanners)?);
        let queue = Arc::new(Queue::new(options.queue));
        let figures = Arc::clone(&options.figures);
        let follower: Follower<C> = Box::new(follower);
        let (writer, its_queue) = (Writer::new(options.clone(), conn, follower), Arc::clone(&queue));
        let writer = std::thread::Builder::new()
            .name("db-writer".to_owned())
            .spawn(move || writer.run(&its_queue))
            .map_err(|source| {
                let Place::Sqlite(path) = options.place;
                OpenError::File { path, source }
            })?;
        Ok(Self { queue, figures, writer: Mutex::new(Some(writer)), readers, scanners })
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
        let pushed = self.queue.push(job).map_err(|refused| match refused {
            Refused::Full => DbError::Busy,
            Refused::Closed => DbError::Unavailable("it is closed".to_owned()),
        });
        pushed.inspect_err(|error| self.figures.failed(error))
    }

    /// Reads at once, on this thread: for a look at a few rows. Each statement sees what was committed last, so two of them
    /// may see two states.
    pub fn read<R, E: From<DbError>>(&self, work: impl FnOnce(&mut Conn) -> Result<R, E>) -> Result<R, E> {
        self.readers.read(work)
    }

    /// Reads on a thread of its own, for anything longer. All statements see one state of the data. If the caller goes away,
    /// the statement that runs is stopped.
    pub async fn scan<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: FnOnce(&mut Conn) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let leaving = Leaving(Caller::default());
        let (scanners, caller) = (Arc::clone(&self.scanners), leaving.0.clone());
        match tokio::task::spawn_blocking(move || scanners.scan(&caller, work)).await {
            Ok(result) => result,
            Err(_panicked) => Err(E::from(DbError::Panicked)),
        }
    }

    /// The same for callers that aren't async.
    pub fn scan_blocking<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<R, E>,
    ) -> Result<R, E> {
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
    }
}

impl<C> Drop for Database<C> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tells the scan that its caller has gone.
struct Leaving(Caller);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}
