//! What the documents say about the tests.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Done, Job};

/// Every test that `docs/asvs.md` names is there, so that no row outlives what shows it.
#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/asvs.md")).unwrap();
    let named: Vec<_> =
        text.split('`').skip(1).step_by(2).filter_map(|span| span.rsplit_once("::")).collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for (place, name) in named {
        let file = if place.contains('/') { place.to_owned() } else { format!("tests/it/{place}.rs") };
        let code = fs::read_to_string(root.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let test = code.split("#[test]").skip(1).any(|after| {
            after
                .lines()
                .find(|line| line.contains("fn "))
                .is_some_and(|line| line.contains(&format!("fn {name}(")))
        });
        assert!(test, "{file} has no test {name}");
    }
}

/// The blocks of this language in a page of `docs/integrations`.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(integrations().join(page)).unwrap();
    let opening = format!("```{language}\n");
    let after = text.split(&opening).skip(1);
    after.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn integrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/integrations")
}

/// Each example can be read by what it is for, and so can what is shipped for CIs.
#[test]
fn examples_for_builds_are_whole() {
    let reads = |program: &str, arguments: &[&str], text: &str| {
        let done = Done::of(Command::new(program).args(arguments), text);
        assert_eq!(done.code, Some(0), "{}\n{text}", done.err);
        done.out
    };
    let (mut yaml, mut shell) = (0, 0);
    for page in [
        "github-actions.md",
        "gitlab-ci.md",
        "bitrise.md",
        "jenkins.md",
        "circleci.md",
        "buildkite.md",
        "shell.md",
        "moving-from-secrets.md",
        "hosted-runners.md",
    ] {
        for block in blocks(page, "yaml") {
            reads("yq", &["."], &block);
            yaml += 1;
        }
        for block in blocks(page, "sh") {
            reads("sh", &["-n"], &block);
            shell += 1;
        }
        let index = fs::read_to_string(integrations().join("README.md")).unwrap();
        assert!(index.contains(&format!("({page})")), "{page} isn't in the index");
    }
    assert!(yaml >= 8 && shell >= 4, "{yaml} {shell}");
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    reads("yq", &["."], &fs::read_to_string(packaging.join("gitlab/template.yml")).unwrap());
    let action = fs::read_to_string(packaging.join("github-action/action.yml")).unwrap();
    let scripts = reads("yq", &["-r", ".runs.steps[].run"], &action);
    reads("bash", &["-n"], &scripts);
}

/// Runs an example as somebody would who has typed it.
pub fn run(job: &Job, example: &str, variables: &[(&str, &str)]) -> Done {
    let doorkey = job.command(&[]);
    let bin = Path::new(doorkey.get_program()).parent().unwrap().display().to_string();
    let path = format!("{}/bin:{bin}:/usr/bin:/bin", job.home.path().display());
    let mut shell = Command::new("sh");
    shell.args(["-euc", example]).env_clear().current_dir(job.home.path());
    shell.envs(doorkey.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Done::of(shell.env("PATH", path).envs(variables.iter().copied()), "")
}

#[test]
fn the_example_for_a_shell_prints_what_is_said_beside_it() {
    let job = Job::start();
    let done = run(&job, &blocks("shell.md", "sh")[0], &[]).with(0);
    assert_eq!(done.out, blocks("shell.md", "text")[0]);
    assert_eq!(done.err, "");
}

/// As the client reads that the steps share: the whole path after `file://`, and a token that isn't empty; a key has all of its fields.
const STEP: &str = "#!/usr/bin/env python3
import json, os
url, token = os.environ['BITRISE_BUILD_URL'], os.environ['BITRISE_BUILD_API_TOKEN']
assert token and url.startswith('file://')
given = json.load(open(url[len('file://'):]))
assert all(given[name] for name in ['issuer_id', 'key_id', 'private_key'])
assert given['private_key'].startswith('-----BEGIN PRIVATE KEY-----')
print('signed in with', given['key_id'])
";

/// Gives the job a program that does what a workflow's one step does.
pub fn with_bitrise(job: &Job) {
    fs::create_dir(job.home.path().join("bin")).unwrap();
    let bitrise = job.script("bin/bitrise", STEP);
    fs::set_permissions(bitrise, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_step_of_bitrise_reads_its_file_with_no_network() {
    let job = Job::start();
    with_bitrise(&job);
    let example = &blocks("bitrise.md", "sh")[0];
    let line = example.lines().find(|line| line.contains("doorkey exec")).unwrap();
    assert_eq!(run(&job, line, &[]).with(0).out, "signed in with 2X9R4HXF34\n");
}
