//! Statements that are sent one after another without waiting for an answer in between.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_core::Stream as _;
use tokio_postgres::{Error, Row, RowStream};

/// Begins all of these before the first is waited for: what they send is on its way together, and what comes back comes in this
/// order. The first that fails is the answer.
pub(super) async fn in_order<T, F>(mut all: Vec<Pin<Box<F>>>) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut done = poll_fn(|context| {
        let begun = all.iter_mut().map(|one| match one.as_mut().poll(context) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        });
        Poll::Ready(begun.collect::<Vec<_>>())
    })
    .await;
    let mut found = Vec::with_capacity(all.len());
    for (one, done) in all.into_iter().zip(&mut done) {
        found.push(match done.take() {
            Some(result) => result?,
            None => one.await?,
        });
    }
    Ok(found)
}

/// All rows of an answer.
pub(super) async fn rows(stream: RowStream) -> Result<Vec<Row>, Error> {
    let (mut stream, mut rows) = (pin!(stream), Vec::new());
    while let Some(row) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        rows.push(row?);
    }
    Ok(rows)
}
