//! `doorkey serve`

use super::Place;
use super::failure::Failure;
use crate::serve;

pub(super) async fn run(place: &Place) -> Result<(), Failure> {
    let (config, origin) = place.load_with_origin().map_err(|error| Failure::Usage(error.to_string()))?;
    serve::run(config, Some(origin)).await.map_err(|error| Failure::Refused(error.to_string()))
}
