//! `doorkey exec` and a real server, with a real project, connection and build.

use std::{fs, process::Command};

use serde_json::json;

use crate::{
    docs::{blocks, run, with_bitrise},
    support::{Building, Done, Job, Made, OpenBuild, Server, key},
};

const ADA: &str = "ada@example.org";

/// The program in a job of this build.
fn command(job: &Job, server: &Server, build: &OpenBuild, arguments: &[&str]) -> Command {
    let mut command = job.command(arguments);
    command.env("DOORKEY_URL", server.url()).env("DOORKEY_BUILD_TOKEN", &build.token);
    command
}

#[test]
fn a_step_has_its_key_and_the_log_says_so() {
    let server = Server::start();
    server.person(ADA);
    let building = Building::make(&server, &Made::of(ADA));
    let (job, build) = (Job::start(), &building.builds[0]);
    let script =
        "env; cat $DOORKEY_FILES/*; cp $DOORKEY_API_KEY_PATH kept.p8; test -s ${BITRISE_BUILD_URL#file://}";
    let done = Done::of(&mut command(&job, &server, build, &["exec", "--", "sh", "-c", script]), "").with(0);
    assert_eq!(done.err, "");
    assert_eq!(fs::read_to_string(job.home.path().join("kept.p8")).unwrap(), *key().pem().expose());
    for line in
        key().pem().expose().lines().filter(|line| !line.starts_with('-')).chain([build.token.as_str()])
    {
        assert!(!done.out.contains(line), "{}", done.out);
    }
    assert!(done.out.contains("DOORKEY_API_KEY_ID=2X9R4HXF34\n") && done.out.contains("***"), "{}", done.out);
    assert!(job.folders().is_empty());
    assert_eq!(building.handed_out().len(), 1);

    // What the project may no longer use isn't there any more, and nothing is run.
    server.stop().with(0);
    server.change_data("DELETE FROM connection_uses");
    server.start_again();
    let touch = ["exec", "--", "touch", "was-run"];
    let done = Done::of(&mut command(&job, &server, build, &touch), "").with(1);
    done.said("This project's builds have no API key.");
    let mut stranger = command(&job, &server, build, &touch);
    Done::of(stranger.env("DOORKEY_BUILD_TOKEN", "dkb_x"), "")
        .with(1)
        .said("The build token is missing, or isn't");
    let mut nowhere = command(&job, &server, build, &touch);
    server.stop().with(0);
    Done::of(&mut nowhere, "").with(3).said("can't be reached");
    assert!(!job.home.path().join("was-run").exists());
}

/// Whether each build of the project has ended, the newest first.
fn ended(person: &crate::support::Person<'_>, building: &Building<'_>) -> Vec<bool> {
    let listed = person.api.get(&format!("/projects/{}/builds", building.project)).json(200);
    listed["builds"].as_array().unwrap().iter().map(|build| build["open"] == false).collect()
}

#[test]
fn without_a_build_one_is_opened_and_closed_again() {
    let server = Server::start();
    let ada = server.person(ADA);
    let building = Building::make(&server, &Made { builds: 0, ..Made::of(ADA) });
    let made = ada
        .api
        .post(&format!("/projects/{}/tokens", building.project), &json!({ "label": "Jenkins" }))
        .json(201);
    let token = made["token"].as_str().unwrap();
    let job = Job::start();
    let exec = |arguments: &[&str]| {
        let mut command = job.command(arguments);
        command.env_remove("DOORKEY_BUILD_TOKEN").env("DOORKEY_URL", server.url());
        Done::of(command.env("DOORKEY_PROJECT_TOKEN", token), "")
    };
    let done = exec(&["exec", "--", "sh", "-c", "env; exit 3"]).with(3);
    assert_eq!(done.err, "");
    assert!(
        done.out.contains("\nDOORKEY_BUILD=bld_") && done.out.contains("DOORKEY_BUILD_TOKEN=***\n"),
        "{}",
        done.out
    );
    assert!(done.out.contains(&format!("DOORKEY_PROJECT={}\n", building.project)), "{}", done.out);
    assert!(!done.out.contains("DOORKEY_PROJECT_TOKEN") && !done.out.contains("dkb_"), "{}", done.out);
    // It is closed too where the command can't be run, and where there is no room for its files.
    exec(&["exec", "--", "no-such-command"]).with(127);
    assert_eq!(ended(&ada, &building), [true, true]);
    let handed_out = building.handed_out();
    assert_eq!(handed_out.len(), 2);
    exec(&["exec", "--project", "Southwind", "--", "true"]).with(1);

    // The examples, word for word but for the server's name.
    with_bitrise(&job);
    let url = server.url();
    let variables = [("DOORKEY_PROJECT_TOKEN", token), ("DOORKEY_BUILD_TOKEN", ""), ("DOORKEY_URL", &*url)];
    let example = blocks("bitrise.md", "sh")[0].replace("https://doorkey.example.org", &url);
    assert!(run(&job, &example, &variables).with(0).out.starts_with("signed in with 2X9R4HXF34\n"));
    for tool in ["archive", "notarize"] {
        let script = job.script(tool, "#!/bin/sh\necho $0 $DOORKEY_API_KEY_ID $DOORKEY_BUILD\n");
        fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let done = run(&job, &blocks("shell.md", "sh")[1], &variables).with(0);
    let builds: Vec<_> = done
        .out
        .lines()
        .filter_map(|line| line.split(' ').nth(2))
        .filter(|id| id.starts_with("bld_"))
        .collect();
    assert!(builds.len() == 2 && builds[0] == builds[1], "{}", done.out);
    assert_eq!(ended(&ada, &building), [true; 4]);
    assert!(job.folders().is_empty());
}

#[test]
fn an_export_lasts_as_long_as_its_build() {
    let server = Server::start();
    server.person(ADA);
    let building = Building::make(&server, &Made::of(ADA));
    let (job, build) = (Job::start(), &building.builds[0]);
    let done =
        Done::of(&mut command(&job, &server, build, &["builds", "export", "--to", "shell"]), "").with(0);
    assert!(!done.out.contains(&build.token), "{}", done.out);
    let kept = job.folders().pop().unwrap();
    let until: i64 = kept.file_name().unwrap().to_str().unwrap().split('-').nth(1).unwrap().parse().unwrap();
    // As long as the build, which was opened a moment ago.
    let minutes = (until - server.clock.now().millis()) / 60_000;
    assert!((58..=60).contains(&minutes), "{minutes}");
}
