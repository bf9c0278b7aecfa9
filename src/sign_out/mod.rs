//! Signing out: what ends when an app-specific password is taken back.
//!
//! What Doorkey's own doors keep open ends at once, in memory: [`connections`]. What other servers have open is ended by asking them:
//! [`way`] says for each service how, [`reader`] reads the log and writes down what is to be asked, and [`engine`] asks until it is done.
//! Both survive the end of the server at any moment: what was read stands beside what was written down, in one transaction.

use tokio::sync::Notify;

pub mod api;
pub mod connections;
pub mod dovecot;
pub mod engine;
pub mod open;
pub mod out;
pub mod pages;
pub mod reader;
pub mod signing;
pub mod views;
pub mod way;
pub mod webhook;

/// What the engine and those who change what it goes by share.
#[derive(Default)]
pub struct SignOuts {
    woken: Notify,
}

impl SignOuts {
    /// Says that there may be something to ask at once.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}
