//! What came of asking services to sign people out.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Something was open, and ended; or the service took word of it.
    Done,
    /// Nothing was open.
    Nothing,
    /// The service could not be asked, and will be again.
    Failed,
    /// It is no longer tried.
    GivenUp,
}

/// How often each of these came of it, by service.
#[derive(Debug, Default)]
pub struct SignOuts(Family<[(&'static str, String); 2], Counter>);

impl SignOuts {
    /// Shows them in `registry`.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Services asked to sign people out, by what came of it";
        registry.register("sign_outs", help, Family::clone(&self.0));
    }

    /// Counts one.
    pub fn count(&self, service: &str, came: Came) {
        let result = match came {
            Came::Done => "done",
            Came::Nothing => "nothing_open",
            Came::Failed => "failed",
            Came::GivenUp => "given_up",
        };
        self.0.get_or_create(&[("service", service.into()), ("result", result.into())]).inc();
    }
}
