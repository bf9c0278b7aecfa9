//! The clock of a server: the machine's, moved by Debian's faketime.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use domain::Timestamp;

/// A clock that is some seconds before or behind the machine's, or stands still.
pub struct Clock {
    file: PathBuf,
    shows: Mutex<Shows>,
}

#[derive(Clone, Copy)]
enum Shows {
    /// The machine's time and so many seconds.
    Moving(i64),
    /// This time, until it is moved.
    Standing(Timestamp),
}

impl Clock {
    /// A clock that is right, and kept in this file.
    pub fn new(file: PathBuf) -> Self {
        let clock = Self { file, shows: Mutex::new(Shows::Moving(0)) };
        clock.show(Shows::Moving(0));
        clock
    }

    /// The environment that makes a process go by it.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", library().to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    /// Stops it: then it shows the same time until it is moved. For what is counted in single seconds.
    pub fn stand_still(&self) {
        let now = Timestamp::from_millis(self.now().seconds() * 1000);
        self.show(Shows::Standing(now));
    }

    /// Moves it on, or back.
    pub fn move_by(&self, seconds: i64) {
        let shows = *self.shows.lock().unwrap();
        self.show(match shows {
            Shows::Moving(offset) => Shows::Moving(offset + seconds),
            Shows::Standing(at) => Shows::Standing(at.plus_seconds(seconds)),
        });
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        match *self.shows.lock().unwrap() {
            Shows::Moving(offset) => machine_now().plus_seconds(offset),
            Shows::Standing(at) => at,
        }
    }

    fn show(&self, shows: Shows) {
        let text = match shows {
            Shows::Moving(offset) => format!("{offset:+}"),
            Shows::Standing(at) => at.to_string().replace('T', " ").replace('Z', ""),
        };
        *self.shows.lock().unwrap() = shows;
        // Put in place at once: the server reads it whenever it asks for the time.
        let new = self.file.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock that the server's is measured by")]
fn machine_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis().try_into().unwrap())
}

/// How long ago this was called, by the machine's clock, which nobody moves.
#[expect(clippy::disallowed_methods, reason = "a time that is measured is the machine's")]
pub fn since() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}

/// The library that fakes the time, as the tool `faketime` itself loads it.
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let output = Command::new("faketime").args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]).output();
        let output = output.expect("faketime is missing. Install it: sudo apt-get install faketime");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// Removes what the library leaves behind of a process that was killed.
pub fn sweep(process: u32) {
    let shared = Path::new("/dev/shm");
    for name in [format!("faketime_shm_{process}"), format!("sem.faketime_sem_{process}")] {
        let _ = std::fs::remove_file(shared.join(name));
    }
}
