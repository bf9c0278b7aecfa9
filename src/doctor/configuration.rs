//! The settings: whether they can be read, and whether those of a running server are still what its files say.

use crate::{
    app::App,
    config::{Config, ConfigError, Origin},
};

use super::{About, Findings};

/// What stands in the way of reading them: a line for each setting.
pub fn unread(error: &ConfigError, findings: &mut Findings) {
    for problem in error.problems() {
        findings.wrong(About::Configuration, problem.to_string(), "The server doesn't start like this.");
    }
}

/// They were read by a command, which goes by them.
pub fn read(config: &Config, origin: &Origin, findings: &mut Findings) {
    let said = match origin.file() {
        Some(file) => format!("{} and the environment can be read.", file.display()),
        None => "There is no doorkey.toml here: defaults and the environment hold.".into(),
    };
    findings.fine(About::Configuration, said);
    unused(config, findings);
}

/// Those of the server that runs.
pub(super) fn of_server(app: &App, findings: &mut Findings) {
    let Some(origin) = &app.origin else { return };
    let file = origin.file().map_or_else(|| "The environment".into(), |file| file.display().to_string());
    match origin.changed() {
        Ok(changed) if changed.is_empty() => {
            findings.fine(About::Configuration, format!("{file} is what the server goes by."));
        }
        Ok(changed) => {
            let said = format!("Since the server started, other values were set for {}.", changed.join(", "));
            findings.warning(About::Configuration, said, "Restart the server to use them.");
        }
        Err(error) => {
            for problem in error.problems() {
                let advice = "The server runs as it was set before. Mend this, or it won't start again.";
                findings.wrong(About::Configuration, problem.to_string(), advice);
            }
        }
    }
    unused(&app.config, findings);
}

/// Settings that are read and checked, and that nothing uses yet.
fn unused(config: &Config, findings: &mut Findings) {
    let sections = config.unused();
    if !sections.is_empty() {
        let named: Vec<_> = sections.iter().map(|section| format!("[{section}]")).collect();
        let said =
            format!("This version doesn't use {} yet: what is set there changes nothing.", named.join(", "));
        findings.warning(About::Configuration, said, "Take it out, or wait for the version that does.");
    }
}
