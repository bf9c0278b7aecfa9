//! Where the server listens, and who reaches that.

use std::net::{SocketAddr, TcpListener};

use crate::{app::App, config::Config};

use super::{About, Findings};

/// Those of the server that runs.
pub(super) fn of_server(app: &App, findings: &mut Findings) {
    for (setting, address) in &app.listens {
        let said = format!("{setting} is {address}, which {}.", reached(address));
        match *setting {
            "[metrics] listen" if !is_near(address) => exposed(said, findings),
            _ => findings.fine(About::Addresses, said),
        }
    }
}

/// Those that a server would take.
pub(super) fn of_data(config: &Config, findings: &mut Findings) {
    let metrics = config.metrics.listen.map(|address| ("[metrics] listen", address));
    for (setting, address) in [("[http] listen", config.http.listen)].into_iter().chain(metrics) {
        match TcpListener::bind(address) {
            Ok(_) if setting == "[metrics] listen" && !is_near(&address) => {
                exposed(format!("{setting} is {address}, which {}.", reached(&address)), findings);
            }
            Ok(_) => findings.fine(About::Addresses, format!("{setting}: {address} is free.")),
            Err(error) => {
                let said = format!("{setting}: {address} can't be listened on: {error}.");
                let advice = format!("Find out what uses it (ss -ltnp), or set another address: {setting}.");
                findings.wrong(About::Addresses, said, advice);
            }
        }
    }
}

fn exposed(said: String, findings: &mut Findings) {
    let advice = "Its figures say how many accounts there are and how services are called. See to it that the network around it may know.";
    findings.warning(About::Addresses, said, advice);
}

fn is_near(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn reached(address: &SocketAddr) -> &'static str {
    if is_near(address) { "only this machine reaches" } else { "other machines reach" }
}
