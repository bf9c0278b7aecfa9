//! The rules for what this program is made of: which licences, from where, who may use what, one way to encrypt.
//!
//! They are read from the graph that Cargo itself resolved for this machine, so a crate that only another platform would build isn't
//! held against us.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking; a JSON value has no index out of range"
)]

mod graph;
mod licence;

use std::sync::LazyLock;

use graph::Graph;

static GRAPH: LazyLock<Graph> = LazyLock::new(Graph::read);

/// Under what others' work may be part of this program: permissive licences, and the file-wise MPL.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What only some may use, and who they are: a database, a cipher, a web framework each have one room.
const USERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["doorkey-store", "doorkey-bench"]),
    ("libsqlite3-sys", &["rusqlite"]),
    ("tokio-postgres", &["doorkey-store"]),
    ("chacha20poly1305", &["doorkey-seal"]),
    ("axum", &["doorkey", "doorkey-bench"]),
];

/// The crates below the server, each with the ones of ours that it may use.
const LEAVES: &[(&str, &[&str])] = &[
    ("doorkey-domain", &[]),
    ("doorkey-appleid", &["doorkey-domain"]),
    ("doorkey-index", &["doorkey-domain"]),
    ("doorkey-mask", &[]),
    ("doorkey-seal", &["doorkey-domain"]),
    ("doorkey-store", &["doorkey-domain"]),
];

/// Other ways to encrypt a connection: a second one is twice the advisories, and a build that needs a C compiler's mood.
const OTHER_TLS: &[&str] = &[
    "aws-lc-fips-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "boring",
    "boring-sys",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-src",
    "openssl-sys",
    "rustls-openssl",
    "s2n-tls",
    "schannel",
    "security-framework",
    "wolfssl",
];

#[test]
fn every_licence_is_one_that_we_allow() {
    let refused: Vec<_> = GRAPH
        .packages()
        .filter(|package| !licence::allows(&package.licence, LICENCES))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.licence))
        .collect();
    assert!(refused.is_empty(), "not under a licence in LICENCES: {refused:#?}");
}

#[test]
fn every_crate_comes_from_the_registry_or_from_this_repository() {
    let graph = &*GRAPH;
    let strangers: Vec<_> = graph
        .packages()
        .filter(|package| match &package.source {
            Some(source) => !graph.is_default_registry(source),
            None => !graph.is_ours(package),
        })
        .map(|package| format!("{}: {:?}", package.name, package.source))
        .collect();
    assert!(strangers.is_empty(), "from git, another registry, or a folder outside: {strangers:#?}");
}

#[test]
fn what_has_one_room_is_used_in_that_room_alone() {
    let graph = &*GRAPH;
    for (used, allowed) in USERS {
        assert_eq!(graph.named(used).count(), 1, "there is one {used}, or its rule is out of date");
        let users = graph.users_of(used);
        let others: Vec<_> = users.iter().filter(|user| !allowed.contains(&user.as_str())).collect();
        assert!(others.is_empty(), "{used} is for {allowed:?}, and {others:?} use it too");
    }
}

#[test]
fn crates_below_the_server_do_not_depend_on_one_another() {
    let graph = &*GRAPH;
    for (leaf, allowed) in LEAVES {
        assert_eq!(graph.named(leaf).count(), 1, "{leaf} has gone, and its rule with it?");
        let ours: Vec<_> = graph
            .uses_of(leaf)
            .into_iter()
            .filter(|used| graph.named(used).any(|p| graph.is_ours(p)))
            .collect();
        let others: Vec<_> = ours.iter().filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(others.is_empty(), "{leaf} may use {allowed:?} of ours, and uses {others:?}");
    }
}

#[test]
fn no_crate_of_ours_is_without_a_rule() {
    let graph = &*GRAPH;
    let known = |name: &str| {
        ["doorkey", "doorkey-bench"].contains(&name) || LEAVES.iter().any(|(leaf, _)| *leaf == name)
    };
    let new: Vec<_> =
        graph.packages().filter(|p| graph.is_ours(p) && !known(&p.name)).map(|p| &p.name).collect();
    assert!(new.is_empty(), "say in LEAVES what they may use: {new:?}");
}

#[test]
fn there_is_one_way_to_encrypt_a_connection() {
    let graph = &*GRAPH;
    let others: Vec<_> = OTHER_TLS.iter().filter(|name| graph.named(name).count() > 0).collect();
    assert!(others.is_empty(), "a second TLS stack: {others:?}");
    let versions: Vec<_> = graph.named("rustls").map(|package| &package.version).collect();
    assert_eq!(versions.len(), 1, "exactly one rustls: {versions:?}");

    // A crate that turns another provider on turns it on for all: which one then serves is decided at run time, or not at all.
    for package in ["rustls", "tokio-rustls", "hyper-rustls", "reqwest"] {
        let features = graph.features_of(package);
        let other = |feature: &&String| {
            ["aws", "fips", "native", "default-tls"].iter().any(|part| feature.contains(part))
                && !feature.contains("native-certs")
        };
        let others: Vec<_> = features.iter().filter(other).collect();
        assert!(others.is_empty(), "{package} is built with {others:?}");
    }
    assert!(graph.features_of("rustls").iter().any(|feature| feature == "ring"), "rustls has ring");
}
