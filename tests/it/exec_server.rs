//! `doorkey exec` and a real server, with a real project, connection and build.

use std::{fs, process::Command};

use crate::support::{Building, Done, Job, Made, OpenBuild, Server, key};

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
