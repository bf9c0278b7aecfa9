//! Reading a request's body: so many bytes, and not for ever.

use std::time::Duration;

use axum::body::{Body, Bytes};

use crate::problem::{Code, Problem};

/// The most that a request's body may hold, in bytes, if nothing else is said: a form or a request to the API is a few lines.
pub const MOST: usize = 64 * 1024;
/// How long a client may take to send it.
const TIME: Duration = Duration::from_secs(30);

/// The whole body, of at most `most` bytes.
///
/// # Errors
/// `too-large`, `unreadable` when it doesn't come.
pub async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(TIME, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Problem::new(
            Code::TooLarge,
            format!("What is sent here holds at most {most} bytes. Shorten it, and send it again."),
        )),
        Err(_) => Err(Problem::new(Code::Unreadable, "The rest of the request didn't come. Send it again.")),
    }
}
