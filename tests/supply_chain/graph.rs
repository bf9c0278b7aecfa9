//! The graph of crates as `cargo metadata` gives it.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

/// A crate in one version.
pub struct Package {
    id: String,
    pub name: String,
    pub version: String,
    /// As its author wrote it; empty if there is none.
    pub licence: String,
    /// Where it comes from; nothing for a folder on this machine.
    pub source: Option<String>,
    manifest: String,
}

/// All crates that are built on this machine, tests and benchmarks included.
pub struct Graph {
    packages: Vec<Package>,
    nodes: Vec<Value>,
    members: BTreeSet<String>,
    root: String,
}

impl Graph {
    /// Asks Cargo. What is built has been fetched, so nothing is asked of a network.
    pub fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let platform = host(&cargo);
        let asked =
            ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &platform];
        let answer: Value =
            serde_json::from_str(&output(&cargo, &asked)).expect("cargo metadata prints JSON");
        let packages = list(&answer["packages"]).iter().map(package).collect();
        let members = list(&answer["workspace_members"]).iter().map(text).collect();
        Self {
            packages,
            nodes: list(&answer["resolve"]["nodes"]).to_vec(),
            members,
            root: text(&answer["workspace_root"]),
        }
    }

    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }

    pub fn named(&self, name: &str) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(move |package| package.name == name)
    }

    /// Whether it is a member of this workspace, in a folder below it.
    pub fn is_ours(&self, package: &Package) -> bool {
        self.members.contains(&package.id) && Path::new(&package.manifest).starts_with(&self.root)
    }

    /// Whether it is the registry that Cargo uses when nothing is said: the one that our own dependencies name by not naming any.
    pub fn is_default_registry(&self, source: &str) -> bool {
        let serde = self.named("serde").find_map(|package| package.source.as_deref());
        source.starts_with("registry+") && Some(source) == serde
    }

    /// The names of the crates that depend on this one. Tests may look at anything from outside, so what only they use doesn't count.
    pub fn users_of(&self, name: &str) -> BTreeSet<String> {
        let is_used_by = |user: &&Package| self.uses_of(&user.name).contains(name);
        self.packages.iter().filter(is_used_by).map(|user| user.name.clone()).collect()
    }

    /// The names of the crates that this one depends on, its tests aside.
    pub fn uses_of(&self, name: &str) -> BTreeSet<String> {
        let is_built_in = |used: &&Value| list(&used["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let used = self.nodes_of(name).flat_map(|node| list(&node["deps"])).filter(is_built_in);
        let ids: BTreeSet<_> = used.map(|used| text(&used["pkg"])).collect();
        self.packages
            .iter()
            .filter(|package| ids.contains(&package.id))
            .map(|used| used.name.clone())
            .collect()
    }

    /// What the crate is built with.
    pub fn features_of(&self, name: &str) -> Vec<String> {
        self.nodes_of(name).flat_map(|node| list(&node["features"])).map(text).collect()
    }

    fn nodes_of(&self, name: &str) -> impl Iterator<Item = &Value> {
        let ids: BTreeSet<_> = self.named(name).map(|package| package.id.clone()).collect();
        self.nodes.iter().filter(move |node| ids.contains(&text(&node["id"])))
    }
}

fn package(value: &Value) -> Package {
    Package {
        id: text(&value["id"]),
        name: text(&value["name"]),
        version: text(&value["version"]),
        licence: value["license"].as_str().unwrap_or_default().into(),
        source: value["source"].as_str().map(Into::into),
        manifest: text(&value["manifest_path"]),
    }
}

/// The platform that this machine builds for.
fn host(cargo: &str) -> String {
    let version = output(cargo, &["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo -vV says its host").into()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("cargo prints UTF-8")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("not a list: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).into()
}
