use std::{sync::Barrier, time::Duration};

use super::clock::since;

/// Nothing is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until what others do has made this true.
#[track_caller]
pub fn until(is_so: impl Fn() -> bool) {
    let waited = since();
    while !is_so() {
        assert!(waited() < PATIENCE, "nobody gets on");
        std::thread::yield_now();
    }
}

/// Does the work in this many threads that begin together, each with its number, and gives what came of each.
pub fn race<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let begin = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let (begin, work) = (&begin, &work);
                scope.spawn(move || {
                    begin.wait();
                    work(number)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
