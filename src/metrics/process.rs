//! What the system knows of this process, from `/proc`.

use std::fs;

/// Clock ticks in a second, as `/proc` counts them: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// What the process takes. What can't be read is left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").ok().and_then(|all| u64::try_from(all.count()).ok());
        // Looking takes one itself.
        let open_files = open_files.map(|count| count.saturating_sub(1));
        Self { open_files, ..Self::parse(&read("stat"), &read("status"), &read("limits")) }
    }

    fn parse(stat: &str, status: &str, limits: &str) -> Self {
        // The name of the program stands in brackets, and may hold anything.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let cpu_seconds = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS);
        let of_status = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
        };
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        Self {
            cpu_seconds,
            resident_bytes: of_status("VmRSS").map(|kilobytes| kilobytes * 1024),
            open_files: None,
            most_files: files.and_then(|line| line.split_whitespace().next()?.parse().ok()),
            threads: of_status("Threads"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "7 (door) key) S 1 7 7 0 -1 4194560 2000 0 0 0 150 25 0 0 20 0 9 0 100 1 2";
        let status = "Name:\tdoorkey\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        let limits = "Limit   Soft Limit   Hard Limit   Units\nMax open files            1024                 4096                 files\n";
        let process = Process::parse(stat, status, limits);
        assert_eq!(process.cpu_seconds, Some(1.75));
        assert_eq!(process.resident_bytes, Some(2_097_152));
        assert_eq!((process.most_files, process.threads), (Some(1024), Some(9)));
        assert_eq!(Process::parse("", "", "unlimited"), Process::default());
        assert!(Process::read().resident_bytes.is_some());
    }
}
