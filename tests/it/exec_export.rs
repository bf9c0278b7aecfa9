//! `doorkey builds export`: the same for CIs whose steps can't be wrapped.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::support::{BUILD_TOKEN, Done, Job, pem};

/// Nothing of the key, and no token.
#[track_caller]
fn is_clean(text: &str) {
    for line in pem().lines().filter(|line| !line.starts_with('-')).chain([BUILD_TOKEN]) {
        assert!(!text.contains(line), "{line} in {text}");
    }
}

/// Runs this in a shell that has the program.
fn shell(job: &Job, script: &str) -> Done {
    let doorkey = job.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).env_clear().current_dir(job.home.path());
    shell
        .envs(doorkey.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("DOORKEY", doorkey.get_program());
    Done::of(&mut shell, "")
}

#[test]
fn a_shell_evaluates_it_and_cleans_up() {
    let job = Job::start();
    let script = r#"
        APP_STORE_CONNECT_API_KEY_KEY=old; export APP_STORE_CONNECT_API_KEY_KEY
        eval "$("$DOORKEY" builds export --to shell)"
        test -z "${APP_STORE_CONNECT_API_KEY_KEY:-}"
        openssl pkey -in "$DOORKEY_API_KEY_PATH" -noout
        test "$(stat -c %a "$DOORKEY_FILES" "$DOORKEY_API_KEY_PATH" | tr '\n' ' ')" = "700 600 "
        test -f "${BITRISE_BUILD_URL#file://}"
        "$DOORKEY" builds export --clean
        test ! -e "$DOORKEY_FILES"
        "$DOORKEY" builds export --clean
    "#;
    let done = shell(&job, script).with(0);
    assert_eq!(
        (done.out.as_str(), done.err.as_str()),
        ("", "The files are removed.\nThe files are gone already.\n")
    );
    let done = Done::of(&mut job.command(&["builds", "export", "--to", "shell"]), "").with(0);
    is_clean(&done.out);
    assert!(done.out.lines().all(|line| line.starts_with("export ") && line.ends_with('\'')), "{}", done.out);
}

#[test]
fn github_is_told_what_to_mask_before_it_is_told_anything_else() {
    let job = Job::start();
    let env = job.script("github-env", "OLD=1\n");
    let mut command = job.command(&["builds", "export", "--to", "github-env", "--for", "fastlane"]);
    let done = Done::of(command.env("GITHUB_ENV", &env), "").with(0);
    let body: Vec<_> = pem().lines().filter(|line| !line.starts_with('-')).collect();
    for line in &body {
        assert!(done.out.lines().any(|said| said == format!("::add-mask::{line}")), "{}", done.out);
    }
    assert!(done.out.lines().all(|line| line.starts_with("::add-mask::")), "{}", done.out);
    let written = fs::read_to_string(&env).unwrap();
    is_clean(&written);
    let mut lines = written.lines();
    assert_eq!(lines.next(), Some("OLD=1"));
    let mut names = Vec::new();
    while let Some(begin) = lines.next() {
        let (name, between) = begin.split_once("<<").unwrap();
        assert!(between.len() == 32 && lines.next().is_some_and(|value| value != between), "{written}");
        assert_eq!(lines.next(), Some(between));
        names.push(name);
    }
    assert!(
        names.contains(&"APP_STORE_CONNECT_API_KEY_PATH") && names.contains(&"DOORKEY_FILES"),
        "{names:?}"
    );
    let done = Done::of(&mut job.command(&["builds", "export", "--to", "github-env"]), "");
    done.with(2).said("GITHUB_ENV isn't set");
}

#[test]
fn dotenv_has_a_line_for_each_and_no_secret() {
    let job = Job::start();
    let done = Done::of(&mut job.command(&["builds", "export", "--to", "gitlab-dotenv"]), "").with(0);
    is_clean(&done.out);
    for line in done.out.lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert!(
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'),
            "{line}"
        );
        assert!(!value.is_empty() && !value.contains(['\'', '"', ' ']), "{line}");
    }
    assert!(done.out.contains("\nDOORKEY_FILES="), "{}", done.out);
}

#[test]
fn envman_is_given_each_and_the_key_where_nobody_sees_it() {
    let job = Job::start();
    let bin = job.home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let envman = bin.join("envman");
    fs::write(
        &envman,
        "#!/bin/sh\necho \"$*\" >> calls\ncase \"$*\" in *--sensitive*) cat >> sensitive;; esac\n",
    )
    .unwrap();
    fs::set_permissions(&envman, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let export =
        |path: &str| Done::of(job.command(&["builds", "export", "--to", "envman"]).env("PATH", path), "");
    let done = export(&path).with(0);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("", ""));
    let calls = fs::read_to_string(job.home.path().join("calls")).unwrap();
    is_clean(&calls);
    assert!(calls.lines().all(|call| call.starts_with("add --key ")), "{calls}");
    assert!(
        calls.contains("add --key BITRISE_BUILD_URL --value file:///") && calls.ends_with("--sensitive\n"),
        "{calls}"
    );
    assert_eq!(fs::read_to_string(job.home.path().join("sensitive")).unwrap(), pem());
    // Without envman nothing stays.
    let before = job.folders().len();
    export("/nowhere").with(1).said("envman, which keeps variables for Bitrise's steps");
    assert_eq!(job.folders().len(), before);
}

#[test]
fn what_is_not_an_exports_is_never_removed() {
    let job = Job::start();
    let precious = job.home.path().join("precious");
    fs::create_dir(&precious).unwrap();
    let clean = |files: Option<&str>| {
        let mut command = job.command(&["builds", "export", "--clean"]);
        match files {
            Some(files) => command.env("DOORKEY_FILES", files),
            None => command.env_remove("DOORKEY_FILES"),
        };
        Done::of(&mut command, "")
    };
    clean(None).with(2).said("DOORKEY_FILES isn't set");
    job.exec(&["true"]).with(0);
    let place = fs::read_dir(job.home.path().join("tmp")).unwrap().next().unwrap().unwrap().path();
    for files in [
        precious.clone(),
        place.clone(),
        place.join("kept-1-x/../../../precious"),
        place.join("run-x"),
        "/".into(),
    ] {
        clean(files.to_str()).with(1).said("is no folder that doorkey builds export made");
    }
    assert!(precious.exists() && place.exists());
}

#[test]
fn what_was_never_cleaned_goes_when_its_build_has_ended() {
    let job = Job::start();
    let export = || Done::of(&mut job.command(&["builds", "export", "--to", "shell"]), "").with(0);
    export();
    let kept = job.folders().pop().unwrap();
    // As one of a build that ended in 2001.
    let old = kept.with_file_name("kept-1000000000000-old");
    fs::rename(&kept, &old).unwrap();
    export();
    assert!(!old.exists() && job.folders().len() == 1);
    // One that goes on is left alone.
    job.exec(&["true"]).with(0);
    assert_eq!(job.folders().len(), 1);
}

#[test]
fn what_an_export_left_goes_when_its_build_is_closed() {
    let job = Job::start();
    let export = |token: &str| {
        let mut command = job.command(&["builds", "export", "--to", "shell"]);
        Done::of(command.env("DOORKEY_BUILD_TOKEN", token), "").with(0);
    };
    let close = || Done::of(&mut job.command(&["builds", "close"]), "");
    // Where nothing was ever kept, nothing is made.
    assert_eq!(close().with(0).err, "");
    assert_eq!(fs::read_dir(job.home.path().join("tmp")).unwrap().count(), 0);
    export(BUILD_TOKEN);
    export("dkb_another");
    export(BUILD_TOKEN);
    let names: Vec<_> = job.folders().iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names.len(), 3);
    // Its name says which build it is of, and not how to get in.
    names.iter().for_each(|name| is_clean(name));
    assert!(names.iter().all(|name| name.contains("-bld_x-")), "{names:?}");
    assert_eq!(close().with(0).err, "The files that doorkey builds export left here are removed.\n");
    // Another build's stay, until that one is closed: by its id, whoever isn't signed in here has them removed too.
    assert_eq!(job.folders().len(), 1);
    Done::of(&mut job.command(&["builds", "close", "bld_y"]), "").with(1);
    assert_eq!(job.folders().len(), 1);
    Done::of(&mut job.command(&["builds", "close", "bld_x"]), "").with(1).said("are removed");
    assert_eq!(job.folders().len(), 0);
}
