//! `doorkey exec` on a terminal: the command has one too, with its keys, its size and its signals, and what it shows is masked.
//!
//! The outer terminal is made by Python's `pty`, which plays whoever sits there.

use std::process::Command;

use crate::support::{Done, Job};

/// Runs its arguments on a terminal of 30 lines and 100 columns, types what it is told to once something has been shown, and prints
/// all that was shown, the exit code, and whether the terminal was set back.
const OUTER: &str = r#"
import fcntl, json, os, pty, select, struct, sys, termios, time
talk, pipes, command = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
before = termios.tcgetattr(theirs)
out = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    os.dup2(theirs, 0)
    os.dup2(out[1] if 'o' in pipes else theirs, 1)
    os.dup2(out[1] if 'e' in pipes else theirs, 2)
    for fd in (ours, theirs) + out:
        os.close(fd)
    os.execvp(command[0], command)
os.close(out[1])
shown, piped = b'', b''
open_ends = {ours, out[0]}
ended = None
limit = time.monotonic() + 50
while True:
    assert time.monotonic() < limit, (shown, piped)
    ready, _, _ = select.select(list(open_ends), [], [], 0.05)
    for fd in ready:
        data = os.read(fd, 65536)
        if fd == ours:
            shown += data
        elif data:
            piped += data
        else:
            open_ends.discard(fd)
    while talk and talk[0][0].encode() in shown + piped:
        word, act, what = talk.pop(0)
        if act == 'type':
            os.write(ours, what.encode())
        elif act == 'size':
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', *what, 0, 0))
        elif act == 'stopped':
            while os.waitpid(child, os.WUNTRACED)[1] & 0xff != 0x7f:
                pass
            assert termios.tcgetattr(theirs) == before, 'set back while stopped'
            os.kill(child, 18)
    if not ready and ended is None:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            ended = os.waitstatus_to_exitcode(status)
    elif not ready:
        break
json.dump({'shown': shown.decode(errors='replace'), 'piped': piped.decode(errors='replace'), 'code': ended,
    'set back': termios.tcgetattr(theirs) == before, 'said': not talk}, sys.stdout)
"#;

struct Seen {
    shown: String,
    piped: String,
}

/// Runs the command on a terminal; `pipes` names which of its streams are none (`o`, `e`).
fn on_terminal(job: &Job, talk: serde_json::Value, pipes: &str, command: &[&str], code: i64) -> Seen {
    let outer = job.script("outer.py", OUTER);
    let exec = job.command(&[&["exec", "--"], command].concat());
    let mut python = Command::new("python3");
    python.arg(outer).arg(talk.to_string()).arg(pipes).arg(exec.get_program()).args(exec.get_args());
    python.env_clear().envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    python.current_dir(job.home.path());
    let done = Done::of(&mut python, "").with(0);
    let seen: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (&seen["code"], &seen["set back"], &seen["said"]),
        (&code.into(), &true.into(), &true.into()),
        "{seen}"
    );
    assert!(job.folders().is_empty());
    let text = |name: &str| seen[name].as_str().unwrap().to_owned();
    Seen { shown: text("shown"), piped: text("piped") }
}

fn none() -> serde_json::Value {
    serde_json::json!([])
}

#[test]
fn a_terminal_stays_a_terminal_and_shows_no_secret() {
    let job = Job::start();
    let script = "for fd in 0 1 2; do test -t $fd && echo $fd; done; stty size; cat $DOORKEY_FILES/*.p8; \
                  echo $DOORKEY_BUILD_TOKEN >/dev/tty; exit 5";
    let seen = on_terminal(&job, none(), "", &["sh", "-c", script], 5);
    assert_eq!(
        seen.shown,
        "0\r\n1\r\n2\r\n30 100\r\n-----BEGIN PRIVATE KEY-----\r\n***\r\n***\r\n***\r\n-----END PRIVATE KEY-----\r\n***\r\n"
    );
}

#[test]
fn streams_that_are_no_terminal_stay_none_and_apart() {
    let job = Job::start();
    let script =
        "for fd in 0 1 2; do test -t $fd && echo $fd >&2; done; echo beside >&2; echo $DOORKEY_BUILD_TOKEN";
    for (pipes, shown, piped) in [
        ("o", "0\r\n2\r\nbeside\r\n", "***\n"),
        ("e", "***\r\n", "0\n1\nbeside\n"),
        ("oe", "", "0\nbeside\n***\n"),
    ] {
        let seen = on_terminal(&job, none(), pipes, &["sh", "-c", script], 0);
        let mut lines: Vec<_> = seen.piped.lines().collect();
        lines.sort_by_key(|line| line.starts_with('*'));
        assert_eq!((seen.shown.as_str(), lines.join("\n") + "\n"), (shown, piped.to_owned()), "{pipes}");
    }
}

#[test]
fn keys_go_to_the_command_and_control_c_comes_once() {
    let job = Job::start();
    let script = "
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('name?', flush=True)
print('hello', sys.stdin.readline(), flush=True)
signal.sigwait([signal.SIGINT])
print('twice?', flush=True)
sys.stdin.readline()
sys.exit(1 + len(signal.sigpending()))
";
    let script = job.script("keys.py", script);
    for pipes in ["", "e", "oe"] {
        let talk = serde_json::json!([
            ["name?", "type", "Ada\r"],
            ["hello Ada", "type", "\u{3}"],
            ["twice?", "type", "\r"]
        ]);
        on_terminal(&job, talk, pipes, &["python3", &script], 1);
    }
}

#[test]
fn a_new_size_is_the_commands_too() {
    let job = Job::start();
    let script = "
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
print('ready', flush=True)
signal.sigwait([signal.SIGWINCH])
print(tuple(os.get_terminal_size(1)))
";
    let script = job.script("size.py", script);
    let seen =
        on_terminal(&job, serde_json::json!([["ready", "size", [40, 132]]]), "", &["python3", &script], 0);
    assert!(seen.shown.ends_with("(132, 40)\r\n"), "{}", seen.shown);
}

#[test]
fn control_z_stops_both_and_the_terminal_is_set_back_meanwhile() {
    let job = Job::start();
    let talk =
        serde_json::json!([["ready", "type", "\u{1a}"], ["ready", "stopped", ""], ["ready", "type", "on\r"]]);
    let seen = on_terminal(&job, talk, "", &["sh", "-c", "echo ready; read line; echo got $line"], 0);
    assert!(seen.shown.ends_with("got on\r\n"), "{}", seen.shown);
}

#[test]
fn a_command_that_is_not_there_is_told_on_a_terminal_too() {
    let job = Job::start();
    let seen = on_terminal(&job, none(), "", &["no-such-command"], 127);
    assert!(seen.shown.contains("doorkey: no-such-command isn't there."), "{}", seen.shown);
}
