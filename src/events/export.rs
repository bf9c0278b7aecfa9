//! The log as a file: JSON lines, one event each, however many there are. It goes through the log in pages, so that neither memory nor
//! the database holds more than a page of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use hyper::body::Frame;
use store::events::{self as rows, Filter};
use tokio::sync::mpsc;

use super::{api::describe, names::Names};
use crate::{access::Admin, app::App, problem::Problem};

/// How many events are read at a time.
const AT_ONCE: usize = 500;
/// How long a reader may take over a page.
const PATIENCE: Duration = Duration::from_secs(60);

/// All fitting events up to this moment, the oldest first, as an answer that is written while it is read.
///
/// # Errors
/// As the database has them.
pub async fn export(app: Arc<App>, _admin: &Admin, filter: Filter) -> Result<Response, Problem> {
    // Before anything is answered, so that what stands in the way of the first page can still be said.
    let last = app.store.read(rows::last)?.number;
    let first = page(&app, &filter, 0, last, Names::default()).await?;
    let day = app.clock.now().to_string();
    let file = format!("attachment; filename=\"doorkey-events-{}.jsonl\"", day.get(..10).unwrap_or_default());
    let (pages, to_be_sent) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut page_now = first;
        loop {
            let Page { lines, names, next } = page_now;
            let sent = tokio::time::timeout(PATIENCE, pages.send(Ok(lines))).await;
            let (Ok(Ok(())), Some(next)) = (sent, next) else { return };
            page_now = match page(&app, &filter, next, last, names).await {
                Ok(page) if !app.live.end.is_stopping() => page,
                // The answer breaks off, which tells its reader that it isn't whole.
                _ => return drop(pages.send(Err(BrokenOff)).await),
            };
        }
    });
    let mut response = Response::new(Body::new(Lines(to_be_sent)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Ok(file) = HeaderValue::from_str(&file) {
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(response)
}

struct Page {
    lines: Bytes,
    names: Names,
    /// From where it goes on; none at the end.
    next: Option<i64>,
}

async fn page(app: &App, filter: &Filter, after: i64, last: i64, mut names: Names) -> Result<Page, Problem> {
    let filter = filter.clone();
    app.store
        .scan(move |conn| {
            let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
            let events = rows::oldest(conn, &filter, after, last, limit)?;
            names.learn(conn, &events)?;
            let mut lines = String::new();
            let next = events.last().filter(|_| events.len() >= AT_ONCE).map(|event| event.number);
            for event in events {
                let line = serde_json::to_string(&describe(event, &names)).map_err(|error| {
                    tracing::error!(%error, "an event can't be written");
                    Problem::unavailable()
                })?;
                lines.push_str(&line);
                lines.push('\n');
            }
            Ok(Page { lines: lines.into(), names, next })
        })
        .await
}

/// The export can't go on.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off")]
struct BrokenOff;

struct Lines(mpsc::Receiver<Result<Bytes, BrokenOff>>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0.poll_recv(context).map(|page| page.map(|page| page.map(Frame::data)))
    }
}
