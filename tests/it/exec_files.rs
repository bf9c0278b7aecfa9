//! The files and variables that a command finds, and where they go.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    process::Command,
};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::support::{Done, Job, Step, credentials, pem};

/// Prints its environment and the files that it names, as JSON.
const SHOW: &str = "
import json, os, sys
folder = os.environ['DOORKEY_FILES']
files = {name: [open(folder + '/' + name).read(), os.stat(folder + '/' + name).st_mode & 0o777] for name in os.listdir(folder)}
json.dump({'variables': dict(os.environ), 'files': files, 'mode': os.stat(folder).st_mode & 0o777}, open('shown', 'w'))
";

fn shown(job: &Job, options: &[&str]) -> Value {
    let script = job.script("show.py", SHOW);
    let done = job.exec_for(options, &["python3", &script]).with(0);
    assert_eq!(done.err, "");
    serde_json::from_str(&fs::read_to_string(job.home.path().join("shown")).unwrap()).unwrap()
}

#[test]
fn each_tool_finds_the_key_where_it_looks() {
    let job = Job::start();
    let all = shown(&job, &[]);
    let (variables, files) = (&all["variables"], &all["files"]);
    let folder = variables["DOORKEY_FILES"].as_str().unwrap();
    assert!(!std::path::Path::new(folder).exists(), "it is gone with the command");
    assert_eq!(all["mode"], 0o700);
    for (name, file) in files.as_object().unwrap() {
        assert_eq!(file[1], 0o600, "{name}");
    }
    let issuer = "57246542-96fe-1a63-e053-0824d011072a";
    let p8 = format!("{folder}/AuthKey_2X9R4HXF34.p8");
    for (name, value) in [
        ("DOORKEY_API_KEY_ID", "2X9R4HXF34"),
        ("DOORKEY_API_KEY_ISSUER_ID", issuer),
        ("DOORKEY_API_KEY_PATH", &p8),
        ("DOORKEY_RCODESIGN_KEY_PATH", &format!("{folder}/rcodesign.json")),
        ("APP_STORE_CONNECT_API_KEY_PATH", &format!("{folder}/fastlane.json")),
        ("DELIVER_API_KEY_PATH", &format!("{folder}/fastlane.json")),
        ("PILOT_API_KEY_PATH", &format!("{folder}/fastlane.json")),
        ("APP_STORE_CONNECT_API_KEY_KEY_ID", "2X9R4HXF34"),
        ("APP_STORE_CONNECT_API_KEY_ISSUER_ID", issuer),
        ("APP_STORE_CONNECT_API_KEY_KEY_FILEPATH", &p8),
        ("APP_STORE_CONNECT_API_KEY_IN_HOUSE", "false"),
        ("SPACESHIP_CONNECT_API_KEY_ID", "2X9R4HXF34"),
        ("SPACESHIP_CONNECT_API_ISSUER_ID", issuer),
        ("SPACESHIP_CONNECT_API_KEY_FILEPATH", &p8),
        ("SPACESHIP_CONNECT_API_IN_HOUSE", "false"),
        ("API_PRIVATE_KEYS_DIR", folder),
        ("EXPO_ASC_API_KEY_PATH", &p8),
        ("EXPO_ASC_KEY_ID", "2X9R4HXF34"),
        ("EXPO_ASC_ISSUER_ID", issuer),
        ("APP_STORE_CONNECT_KEY_IDENTIFIER", "2X9R4HXF34"),
        ("APP_STORE_CONNECT_ISSUER_ID", issuer),
        ("APP_STORE_CONNECT_PRIVATE_KEY", &format!("@file:{p8}")),
        ("BITRISE_BUILD_URL", &format!("file://{folder}/apple_developer_portal_data.json")),
        ("BITRISE_BUILD_API_TOKEN", "in-the-file"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    // No variable has the key in it.
    assert!(!variables.to_string().contains("PRIVATE KEY"));
    let file = |name: &str| files[name][0].as_str().unwrap_or_else(|| panic!("no {name}: {files}"));
    let json = |name: &str| serde_json::from_str::<Value>(file(name)).unwrap();
    assert_eq!(file("AuthKey_2X9R4HXF34.p8"), pem());
    assert_eq!(
        json("fastlane.json"),
        json!({ "key_id": "2X9R4HXF34", "issuer_id": issuer, "key": pem(), "in_house": false })
    );
    let body: String = pem().lines().filter(|line| !line.starts_with('-')).collect();
    BASE64.decode(body.as_bytes()).unwrap();
    assert_eq!(
        json("rcodesign.json"),
        json!({ "issuer_id": issuer, "key_id": "2X9R4HXF34", "private_key": body })
    );
    assert_eq!(
        json("apple_developer_portal_data.json"),
        json!({ "key_id": "2X9R4HXF34", "issuer_id": issuer, "private_key": pem(), "is_enterprise_account": false })
    );
    assert_eq!(files.as_object().unwrap().len(), 4);
}

#[test]
fn only_what_was_asked_for_is_there() {
    let job = Job::start();
    let some = shown(&job, &["--for", "altool,notarytool"]);
    let files: Vec<_> = some["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["AuthKey_2X9R4HXF34.p8"]);
    let variables = some["variables"].as_object().unwrap();
    assert!(variables.contains_key("API_PRIVATE_KEYS_DIR") && variables.contains_key("DOORKEY_API_KEY_PATH"));
    for name in ["FASTLANE", "SPACESHIP", "DELIVER", "EXPO", "BITRISE", "APP_STORE"] {
        assert!(!variables.keys().any(|variable| variable.starts_with(name)), "{name}");
    }
}

#[test]
fn a_variable_that_contradicts_the_key_is_taken_away_and_told() {
    let job = Job::start();
    let mut command = job.command(&["exec", "--for", "fastlane", "--", "env"]);
    command.env("APP_STORE_CONNECT_API_KEY_KEY", "an old one").env("FASTLANE_USER", "ada@example.org");
    let done = Done::of(&mut command, "").with(0).said("APP_STORE_CONNECT_API_KEY_KEY was set");
    assert!(
        !done.out.contains("APP_STORE_CONNECT_API_KEY_KEY=") && done.out.contains("FASTLANE_USER=ada"),
        "{}",
        done.out
    );
}

#[test]
fn a_key_of_one_person_goes_where_it_can() {
    let mut given = credentials();
    given["api_key"].as_object_mut().unwrap().shift_remove("issuer_id");
    let job = Job::given(200, given);
    let done = job
        .exec(&["sh", "-c", "cat $DOORKEY_FILES/apple_developer_portal_data.json; env; ls $DOORKEY_FILES"])
        .with(0);
    assert!(
        done.out.starts_with("{}") && !done.out.contains("ISSUER") && !done.out.contains("rcodesign.json"),
        "{}",
        done.out
    );
    let done = done.said("This build's key is one person's.");
    assert!(
        done.err.contains("notarytool") && done.err.contains("rcodesign") && done.err.contains("Bitrise"),
        "{}",
        done.err
    );
    for tool in ["rcodesign", "notarytool", "bitrise"] {
        job.exec_for(&["--for", tool], &["touch", "was-run"])
            .with(1)
            .said("This build's key is one person's.");
    }
    assert!(!job.home.path().join("was-run").exists());
    job.exec_for(&["--for", "fastlane,altool,eas,codemagic"], &["true"]).with(0);
}

#[test]
fn what_a_killed_one_left_is_removed_by_the_next_and_what_runs_is_left_alone() {
    let job = Job::start();
    let ready =
        |step: &Step| step.out.line_with("ready").unwrap().split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    let command = ["sh", "-c", "echo ready $$; exec tail -f /dev/null"];
    let (killed, running) = (job.begin(&command), job.begin(&command));
    let left = ready(&killed);
    ready(&running);
    assert_eq!(job.folders().len(), 2);
    killed.killed();
    assert_eq!(job.folders().len(), 2, "nobody was there to remove it");
    job.exec(&["true"]).with(0);
    assert_eq!(job.folders().len(), 1);
    crate::support::signal(left, "KILL");
    running.signal("TERM");
    running.end().with(143);
    assert!(job.folders().is_empty());
}

#[test]
fn a_folder_that_others_could_exchange_is_refused() {
    let job = Job::start();
    job.exec(&["true"]).with(0);
    let tmp = job.home.path().join("tmp");
    let place = fs::read_dir(&tmp).unwrap().next().unwrap().unwrap().path();
    let refused = || {
        job.exec(&["touch", "was-run"]).with(1).said("The key's files can't be written");
        assert!(!job.home.path().join("was-run").exists());
    };
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    refused();
    fs::remove_dir_all(&place).unwrap();
    let elsewhere = job.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&elsewhere, &place).unwrap();
    refused();
    fs::remove_file(&place).unwrap();
    fs::write(&place, "").unwrap();
    refused();
    fs::remove_file(&place).unwrap();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // Only root can give a folder away.
    if fs::metadata(&tmp).unwrap().uid() == 0 {
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&place, Some(65534), None).unwrap();
        refused();
    }
}

#[test]
fn the_sessions_own_folder_is_preferred() {
    let job = Job::start();
    let session = job.home.path().join("run");
    fs::create_dir(&session).unwrap();
    let exec = |session: &str| {
        let mut command = job.command(&["exec", "--", "sh", "-c", "echo $DOORKEY_FILES"]);
        Done::of(command.env("XDG_RUNTIME_DIR", session), "").with(0).out
    };
    assert!(
        exec(session.to_str().unwrap()).starts_with(&format!("{}/doorkey-builds/run-", session.display()))
    );
    for none in ["", "relative", "/nowhere/at/all"] {
        assert!(
            exec(none).starts_with(&format!("{}/tmp/doorkey-builds-", job.home.path().display())),
            "{none}"
        );
    }
}

#[test]
fn on_a_full_disk_nothing_is_run_and_nothing_half_written_stays() {
    let job = Job::start();
    let exec = job.command(&["exec", "--", "touch", "was-run"]);
    let mut command = Command::new("unshare");
    // Room for the folders, and for some of the key's files.
    command.args(["--mount", "--map-root-user", "sh", "-c"]).arg(
        "mount -t tmpfs -o size=12k,nr_inodes=64 tmpfs tmp && { head -c 4k /dev/zero > tmp/filler; \"$@\"; code=$?; ls -R tmp; exit $code; }",
    );
    command.arg("sh").arg(exec.get_program()).args(exec.get_args()).env_clear().current_dir(job.home.path());
    command.envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let done = Done::of(&mut command, "").with(1).said("No space left on device").said("Nothing was run.");
    assert!(!job.home.path().join("was-run").exists());
    assert!(
        !done.out.contains("run-") && !done.out.contains("p8") && !done.out.contains("json"),
        "{}",
        done.out
    );
}
