//! What a process writes, as it comes.

use std::{
    io::Read,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

/// No line is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// One stream of a process, read in a thread of its own until its end.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    text: String,
    ended: bool,
}

impl Output {
    pub fn of(mut stream: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let writer = output.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let read = stream.read(&mut chunk).unwrap_or(0);
                let (written, changed) = &*writer.0;
                let mut written = written.lock().unwrap();
                written.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
                written.ended = read == 0;
                changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        output
    }

    /// Waits for the first line that has this in it; none when the stream ends without.
    pub fn line_with(&self, part: &str) -> Option<String> {
        let (written, changed) = &*self.0;
        let find = |written: &Written| {
            let whole = written.text.rfind('\n').map_or("", |end| &written.text[..end]);
            whole.lines().find(|line| line.contains(part)).map(str::to_owned)
        };
        let (written, waited) = changed
            .wait_timeout_while(written.lock().unwrap(), PATIENCE, |written| {
                !written.ended && find(written).is_none()
            })
            .unwrap();
        assert!(!waited.timed_out(), "nothing with {part:?} was written: {}", written.text);
        find(&written)
    }

    /// Waits for the end, and gives all that was written.
    pub fn whole(&self) -> String {
        let (written, changed) = &*self.0;
        let (written, waited) =
            changed.wait_timeout_while(written.lock().unwrap(), PATIENCE, |written| !written.ended).unwrap();
        assert!(!waited.timed_out(), "the process did not end: {}", written.text);
        written.text.clone()
    }

    /// What has been written so far.
    pub fn so_far(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }
}
