//! `doorkey exec`: the command as it would run without, but for its secrets: streams, signals, exit codes.

use std::{fs, process::Command};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use serde_json::json;

use crate::support::{BUILD_TOKEN, Cli, Done, Job, Output, credentials, pem, signal, until};

#[test]
fn the_exit_code_is_the_commands() {
    let job = Job::start();
    for (command, code) in
        [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9)]
    {
        let done = job.exec(&["sh", "-c", command]).with(code);
        assert_eq!((done.out.as_str(), done.err.as_str()), ("", ""), "{command}");
    }
    job.exec(&["no-such-command"]).with(127).said("doorkey: no-such-command isn't there.");
    let text = job.script("text", "exit 0");
    job.exec(&[&text]).with(126).said("can't be started: Permission denied");
    assert_eq!(job.folders(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn without_credentials_nothing_is_run() {
    let run = |job: &Job| job.exec(&["touch", "was-run"]);
    let problem =
        |code: &str, detail: &str| json!({ "code": code, "detail": detail, "status": 401, "title": "x" });
    for (status, answer, code, said) in [
        (401, problem("build-token-wrong", "This build has ended."), 1, "doorkey: This build has ended."),
        (503, problem("unavailable", "Try again."), 3, "doorkey: Try again."),
        (200, json!({}), 1, "This project's builds have no API key."),
        (
            200,
            json!({ "api_key": { "key_id": "../x", "issuer_id": "x", "private_key": pem() } }),
            1,
            "can't read",
        ),
        (200, json!({ "api_key": { "key_id": "2X9R4HXF34", "private_key": "x" } }), 1, "can't read"),
    ] {
        let job = Job::given(status, answer);
        let done = run(&job).with(code).said(said);
        assert!(!done.err.contains("PRIVATE KEY"), "{done:?}");
        assert!(!job.home.path().join("was-run").exists() && job.folders().is_empty(), "{said}");
    }
    let job = Job::start();
    let with = |name: &str, value: Option<&str>| {
        let mut command = job.command(&["exec", "--", "touch", "was-run"]);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        Done::of(&mut command, "")
    };
    with("DOORKEY_URL", Some("http://127.0.0.1:1")).with(3).said("http://127.0.0.1:1 can't be reached");
    with("DOORKEY_URL", Some("http://doorkey.example.org")).with(2).said("write https://");
    with("DOORKEY_URL", None).with(2).said("Set DOORKEY_URL");
    with("DOORKEY_BUILD_TOKEN", None).with(2).said("This runs in no CI whose identity tokens are known here");
    assert!(!job.home.path().join("was-run").exists());
    Cli::new().run(&["exec"]).with(2).said("COMMAND");
    Cli::new().run(&["exec", "--for", "xcode", "--", "true"]).with(2).said("fastlane");
}

#[test]
fn input_output_and_error_stay_what_they_are() {
    let job = Job::start();
    let mut command = job.command(&["exec", "--", "sh", "-c", "cat; echo beside >&2; echo after"]);
    let done = Done::of(&mut command, "from outside\n").with(0);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("from outside\nafter\n", "beside\n"));
    // Bytes that are no text pass as they are.
    let done = job.exec(&["sh", "-c", r"printf '\377\000\n' | od -An -tx1; printf '\377'"]).with(0);
    assert_eq!(done.out, " ff 00 0a\n\u{fffd}");
}

#[test]
fn a_hundred_megabytes_pass_through_little_memory() {
    let job = Job::start();
    let script = "head -c 100000000 /dev/zero | tr '\\0' d; grep VmHWM /proc/$PPID/status >&2";
    let mut child = job
        .command(&["exec", "--", "sh", "-c", script])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut read = child.stdout.take().unwrap();
    let copied = std::io::copy(&mut read, &mut std::io::sink()).unwrap();
    let err = Output::of(child.stderr.take().unwrap()).whole();
    assert_eq!((copied, child.wait().unwrap().code()), (100_000_000, Some(0)));
    let kilobytes: u64 = err.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 100_000, "{err}");
}

/// Prints each signal that comes, until it is told to end.
const SIGNALS: &str = "
import signal
awaited = [getattr(signal, 'SIG' + name) for name in ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2', 'WINCH', 'CONT']]
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print('ready', flush=True)
for _ in range(10):
    print('came', signal.Signals(signal.sigwait(awaited)).name, flush=True)
";

#[test]
fn signals_are_passed_on_and_each_once() {
    let job = Job::start();
    let script = job.script("signals.py", SIGNALS);
    let step = job.begin(&["python3", &script]);
    step.out.line_with("ready").unwrap();
    let names = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT"];
    for name in names {
        step.signal(name);
        step.out.line_with(&format!("came SIG{name}")).unwrap();
    }
    // Two more make ten.
    step.signal("USR1");
    until(|| step.out.so_far().matches("came SIGUSR1").count() == 2);
    step.signal("USR2");
    let done = step.end().with(0);
    assert_eq!(done.out.lines().count(), 1 + names.len() + 2, "{}", done.out);
    assert!(job.folders().is_empty());
}

#[test]
fn a_signal_that_ends_the_command_ends_it_all_and_the_folder_goes() {
    let job = Job::start();
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)] {
        let step = job.begin(&["sh", "-c", "echo ready; exec tail -f /dev/null"]);
        step.out.line_with("ready").unwrap();
        assert_eq!(job.folders().len(), 1);
        step.signal(name);
        step.end().with(code);
        assert!(job.folders().is_empty(), "{name}");
    }
}

#[test]
fn a_stop_stops_both_and_a_continue_continues_both() {
    let job = Job::start();
    let step = job.begin(&["sh", "-c", "echo ready $$; exec tail -f /dev/null"]);
    let line = step.out.line_with("ready").unwrap();
    let child: u32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    let state = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    };
    step.signal("TSTP");
    until(|| state(step.process()) == 'T' && state(child) == 'T');
    step.signal("CONT");
    until(|| state(step.process()) != 'T' && state(child) != 'T');
    step.signal("TERM");
    step.end().with(143);
}

#[test]
fn what_was_ignored_stays_ignored() {
    let job = Job::start();
    let run = job.command(&["exec", "--", "grep", "SigIgn", "/proc/self/status"]);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    nohup.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = Done::of(&mut nohup, "").with(0);
    let mask = u64::from_str_radix(done.out.trim().rsplit('\t').next().unwrap(), 16).unwrap();
    // HUP is, and PIPE isn't, which we ignore ourselves.
    assert_eq!((mask & 1, mask >> 12 & 1), (1, 0), "{}", done.out);
}

#[test]
fn something_left_behind_does_not_hold_the_job_up() {
    let job = Job::start();
    let done = job.exec(&["sh", "-c", "tail -f /dev/null & echo $!; exit 4"]).with(4);
    done_with(&done.out);
    let done = done.said("something that it started still holds its output");
    assert!(job.folders().is_empty(), "{done:?}");
    // One that lets go of its output is nobody's business.
    let done = job.exec(&["sh", "-c", "tail -f /dev/null >/dev/null 2>&1 & echo $!"]).with(0);
    done_with(&done.out);
    assert_eq!(done.err, "");
}

/// Ends the process whose number was printed.
fn done_with(printed: &str) {
    signal(printed.trim().parse().unwrap(), "KILL");
}

#[test]
fn a_reader_that_goes_ends_the_command_as_it_would() {
    let job = Job::start();
    let exec = job.command(&["exec", "--", "yes", "no"]);
    let mut pipe = Command::new("bash");
    pipe.args(["-c", "\"$@\" | head -n 2; echo ${PIPESTATUS[0]}", "bash"])
        .arg(exec.get_program())
        .args(exec.get_args());
    pipe.env_clear().envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = Done::of(&mut pipe, "").with(0);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("no\nno\n141\n", ""));
    assert!(job.folders().is_empty());
}

/// A step like fastlane's, which is asked to be verbose: it prints its environment and its files, as they are and in all the
/// ways that programs print, in pieces of the size that it is told.
const VERBOSE: &str = r#"
import base64, glob, json, os, shlex, sys, urllib.parse
size = int(sys.argv[1])
files = [open(name).read() for name in sorted(glob.glob(os.environ['DOORKEY_FILES'] + '/*'))]
said = '\n'.join(f'{name}={value}' for name, value in os.environ.items())
for text in files + [os.environ['DOORKEY_BUILD_TOKEN']]:
    data = text.encode()
    said += '\n'.join([
        '', text, json.dumps(text), json.dumps(json.dumps({'a': text})), repr(text), shlex.quote(text),
        base64.b64encode(data).decode(), base64.b64encode(b'a' + data + b'b').decode(),
        base64.b64encode(b'ab' + data).decode(), base64.urlsafe_b64encode(data).decode(), base64.encodebytes(data).decode(),
        data.hex(), data.hex().upper(), urllib.parse.quote(text), urllib.parse.quote(text, safe=''),
        urllib.parse.quote_plus(text), text.replace('\n', '\r\n'), text.replace('\n', ' '), text.replace('\n', ''),
        text.replace('/', '\\/'), '\n'.join('  | ' + line for line in text.splitlines()),
    ])
said = said.encode()
for at in range(0, len(said), size):
    os.write(1, said[at:at + size])
print('the end')
"#;

#[test]
fn no_form_of_a_secret_is_in_what_a_verbose_step_prints() {
    let job = Job::start();
    let script = job.script("fastlane.py", VERBOSE);
    let body: Vec<_> = pem().lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64.decode(body.concat().as_bytes()).unwrap();
    for size in ["1", "3", "17", "4096", "1000000"] {
        let done = job.exec(&["python3", &script, size]).with(0);
        assert!(
            done.out.contains("the end") && done.out.contains("-----BEGIN PRIVATE KEY-----"),
            "{}",
            done.out
        );
        assert!(done.out.contains("DOORKEY_BUILD_TOKEN=***\n"), "{}", done.out);
        let mut forms: Vec<String> = body.iter().map(|line| (*line).to_owned()).collect();
        for secret in
            body.iter().map(|line| line.as_bytes()).chain([BUILD_TOKEN.as_bytes(), &der, &der[36..68]])
        {
            forms.extend([&HEXLOWER, &HEXUPPER].map(|encoding| encoding.encode(secret)));
            for before in [&b""[..], b"a", b"ab"] {
                let whole = [before, secret].concat();
                for text in [&BASE64, &BASE64URL].map(|encoding| encoding.encode(&whole)) {
                    forms.push(text[4..text.len() - 4].to_owned());
                }
            }
        }
        // Also of every piece of it that is long enough to be of use.
        for form in &forms {
            for piece in form.as_bytes().chunks(16).filter(|piece| piece.len() == 16) {
                let piece = std::str::from_utf8(piece).unwrap();
                assert!(!done.out.contains(piece), "{piece} of {form} in writes of {size}");
            }
        }
    }
}

#[test]
fn a_key_shown_byte_by_byte_is_masked() {
    let job = Job::start();
    let text = job.exec(&["sh", "-c", "openssl pkey -in \"$DOORKEY_API_KEY_PATH\" -noout -text"]).with(0);
    let lines: Vec<_> = text.out.lines().skip_while(|line| *line != "priv:").take(4).collect();
    assert!(lines[1] == "    ***:" || lines[1] == "    00:***:", "{}", text.out);
    assert_eq!(lines[2], "    ***:", "{}", text.out);
    let script = "for form in x1 'x1 -w8'; do openssl pkey -in \"$DOORKEY_API_KEY_PATH\" -outform DER | od -An -t$form; done";
    let bytes = job.exec(&["sh", "-c", script]).with(0).out;
    // It is another wrapping of the private number than the key's file has.
    let body: String = pem().lines().filter(|line| !line.starts_with('-')).collect();
    let der = data_encoding::BASE64.decode(body.as_bytes()).unwrap();
    for piece in der[36..68].windows(4) {
        let pairs: Vec<_> = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!bytes.contains(&pairs.join(" ")), "{bytes}");
    }
    assert!(bytes.lines().filter(|line| line.trim() == "***").count() >= 12, "{bytes}");
}

#[test]
fn a_slow_word_is_not_held_back() {
    let job = Job::start();
    let step = job.begin(&["sh", "-c", "printf 'Password?\\n'; exec tail -f /dev/null"]);
    step.out.line_with("Password?").unwrap();
    step.signal("TERM");
    step.end().with(143);
}

#[test]
fn the_key_is_asked_for_once_and_by_the_builds_token() {
    let job = Job::given(200, credentials());
    job.exec(&["true"]).with(0);
    let asked = job.server.asked(1);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /api/v1/build/credentials HTTP/1.1");
    assert_eq!(asked[0].header("authorization"), Some(&*format!("Bearer {BUILD_TOKEN}")));
    assert_eq!(asked[0].body, r#"{"give":["api_key"]}"#);
}
