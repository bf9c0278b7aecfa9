//! `doorkey serve`

use super::Place;
use super::failure::Failure;
use crate::serve;

pub(super) async fn run(place: &Place) -> Result<(), Failure> {
    serve::run(place.load()?).await.map_err(|error| Failure::Refused(error.to_string()))
}
