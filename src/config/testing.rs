//! Short ways to a configuration, for the tests of the sections.

use super::{Config, Overrides, load};

/// The configuration in a `doorkey.toml`, or its problems.
pub(super) fn from_toml(text: &str) -> Result<Config, String> {
    from_both(text, &[])
}

/// The configuration in environment variables, or its problems.
pub(super) fn from_env(variables: &[(&str, &str)]) -> Result<Config, String> {
    from_both("", variables)
}

/// The configuration in both.
pub(super) fn from_both(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load::from_text("doorkey.toml", text, env, Overrides::default()).map_err(|error| error.to_string())
}

/// The problems of a `doorkey.toml`, a line each.
pub(super) fn faults(text: &str) -> Vec<String> {
    from_toml(text).unwrap_err().lines().map(str::to_owned).collect()
}
