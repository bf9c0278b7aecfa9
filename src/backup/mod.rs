//! Backups: one file that holds all data as it was at one moment, taken while the server runs, and good for every database that
//! Doorkey knows. What is sealed stays sealed: with the file alone nobody gets further than with the database.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use http_body_util::channel::{Channel, Sender};
use sha2::{Digest, Sha256};
use store::{Conn, DbError, Table, copy, events, keys};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::{access::OnMachine, app::App, problem::Problem};

pub mod api;
pub mod file;
pub mod format;
pub mod restore;

use format::{End, FORM, Header, LastEvent, Proof, TableHead};

/// How much is gathered before it is sent, in bytes.
const CHUNK: usize = 64 * 1024;

/// How long the reader may take over a chunk. While a backup is taken, the data's log can't be emptied.
const PATIENCE: Duration = Duration::from_secs(60);

/// The backup broke off: what came before is not a whole one.
#[derive(Debug, thiserror::Error)]
#[error("the backup broke off")]
pub struct BrokeOff;

/// A backup, as it comes. When it breaks off, it ends in an error and never quietly.
pub type Stream = Channel<Bytes, BrokeOff>;

/// Takes a backup of one state of the data, while everything goes on.
///
/// # Errors
/// When the data can't be read.
pub async fn take(app: Arc<App>, _: OnMachine) -> Result<Stream, Problem> {
    let tables = app.store.tables()?;
    let (sender, stream) = Channel::new(4);
    let (began, begun) = oneshot::channel();
    let runtime = Handle::current();
    tokio::spawn(async move {
        let keyring = Arc::clone(&app);
        let work = move |conn: &mut Conn| {
            let mut out = Out { sender, runtime, chunk: Vec::new(), began: Some(began), hash: Sha256::new() };
            let written = write(conn, &tables, &keyring, &mut out);
            if written.is_err() {
                out.sender.abort(BrokeOff);
            }
            written
        };
        match app.store.scan(work).await {
            Ok(()) => {}
            Err(Stopped::ReaderGone) => tracing::warn!("a backup was not read to its end"),
            Err(Stopped::Data(error)) => tracing::error!(%error, "a backup broke off"),
        }
    });
    // From here on it can only break off; before, there is a word for why.
    begun.await.map_err(|_| Problem::unavailable())?;
    Ok(stream)
}

/// Why a backup ended early.
enum Stopped {
    Data(DbError),
    ReaderGone,
}

impl From<DbError> for Stopped {
    fn from(error: DbError) -> Self {
        Self::Data(error)
    }
}

/// All of it, from one state of the data.
fn write(conn: &mut Conn, tables: &[Table], app: &App, out: &mut Out) -> Result<(), Stopped> {
    let counts = copy::counts(conn, tables)?;
    let last = events::last(conn)?;
    let mark = keys::all(conn)?.first().and_then(|key| seal::wrapped_by(&key.wrapped));
    let mark = mark.ok_or_else(|| DbError::Corrupt("there is no data key".into()))?;
    let rows = |count: &i64| u64::try_from(*count).unwrap_or_default();
    let header = Header {
        doorkey_backup: FORM,
        doorkey_version: env!("CARGO_PKG_VERSION").into(),
        made_at: app.clock.now(),
        key: format::key_mark(&mark),
        last_event: LastEvent { epoch: last.epoch, number: last.number },
        migrations: store::schema_marks(i64::MAX).into_iter().map(Into::into).collect(),
        tables: tables.iter().zip(&counts).map(|(table, count)| TableHead::of(table, rows(count))).collect(),
    };
    out.line(|chunk| format::write_line(chunk, &header))?;
    for table in tables {
        copy::for_each_row(conn, table, |row| out.line(|chunk| format::write_row(chunk, row.values())))?;
    }
    out.send()?;
    let proof = Proof::new(header.rows(), out.hash.clone(), &app.keyring);
    out.line(|chunk| format::write_line(chunk, &End { end: proof }))?;
    out.send()
}

/// Where a backup goes: gathered, hashed and sent on.
struct Out {
    sender: Sender<Bytes, BrokeOff>,
    runtime: Handle,
    chunk: Vec<u8>,
    began: Option<oneshot::Sender<()>>,
    hash: Sha256,
}

impl Out {
    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<(), Stopped> {
        // Memory takes everything; only a value that JSON doesn't know could be refused.
        write(&mut self.chunk).map_err(|_| DbError::Corrupt("a row can't be written down".into()))?;
        if self.chunk.len() >= CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Stopped> {
        self.hash.update(&self.chunk);
        let chunk = Bytes::from(std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK + CHUNK / 8)));
        if let Some(began) = self.began.take() {
            let _ = began.send(());
        }
        let sent = self.runtime.block_on(timeout(PATIENCE, self.sender.send_data(chunk)));
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(Stopped::ReaderGone),
        }
    }
}
