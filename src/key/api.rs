//! The key, for the command of this machine.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use serde::Serialize;

use super::rotate::{self, Rotated};
use crate::{access::OnMachine, app::App, ctx::Ctx, problem::Problem};

/// What replacing the key came to.
#[derive(Serialize)]
pub struct Done {
    /// The number of the data key that seals from now on.
    data_key: i64,
    /// How many values were sealed anew.
    resealed: u64,
    /// Whether the old keys are dropped. If not, the server goes on with it.
    finished: bool,
    /// What is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl From<Rotated> for Done {
    fn from(Rotated { data_key, resealed, finished, advice }: Rotated) -> Self {
        Self { data_key, resealed, finished, advice }
    }
}

/// `POST /machine/rotate-key`: replaces the key that seals what is stored. Only on the server's machine: whoever does it has to see to the
/// new key.
///
/// # Errors
/// As [`rotate::rotate`] has them.
pub async fn rotate_key(
    admin: OnMachine,
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
) -> Result<Answer<Done>, Problem> {
    rotate::rotate(&app, &mut ctx, &admin).await.map(|done| Answer(done.into()))
}
