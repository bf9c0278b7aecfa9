//! What the system lets the server have: open files, and memory to hash passwords with.

use std::{fs, path::Path, thread};

use crate::app::App;

use super::{About, Findings, folder::amount};

/// What hashing one password takes.
const HASH_BYTES: u64 = 19 << 20;
/// What the rest of a small server takes.
const BASE_BYTES: u64 = 64 << 20;
/// With less than this a few people's apps take all connections.
const FEW_CONNECTIONS: usize = 900;

/// Those of the server that runs.
pub(super) fn of_server(app: &App, findings: &mut Findings) {
    let (most, taken) = (app.metrics.places.most(), app.metrics.places.taken());
    let said = format!("{most} connections can be open at a time, and {taken} are.");
    let advice = "Raise the limit of open files (LimitNOFILE= in the unit, or ulimit -n) to 4096 or more, and restart the server.";
    if taken.saturating_mul(10) >= most.saturating_mul(9) {
        findings.wrong(About::Limits, said, advice);
    } else if most < FEW_CONNECTIONS {
        findings.warning(About::Limits, said, advice);
    } else {
        findings.fine(About::Limits, said);
    }
    for (door, service, places) in app.metrics.door_places.all() {
        let (most, taken) = (places.most(), places.taken());
        if taken.saturating_mul(10) >= most.saturating_mul(9) {
            let section = if service.is_empty() { door.to_owned() } else { format!("{door}.{service}") };
            let said = format!("{taken} of the {most} connections that [{section}] may have are open.");
            let advice = format!(
                "Raise [{section}] connections, or look at who opens so many, and restart the server."
            );
            findings.warning(About::Limits, said, &advice);
        }
    }
    let hashers = thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
    let wanted = u64::try_from(hashers).unwrap_or(1).saturating_mul(HASH_BYTES).saturating_add(BASE_BYTES);
    if let Some((has, where_from)) = memory()
        && has < wanted
    {
        let said = format!(
            "{where_from} is {}, and hashing {hashers} passwords at a time takes up to {}.",
            amount(has),
            amount(wanted)
        );
        findings.warning(
            About::Limits,
            said,
            "Give the server more, or it may be ended while people sign in.",
        );
    }
}

/// What the process may have: what its control group is bounded to, or else what the machine has to give.
fn memory() -> Option<(u64, &'static str)> {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let group = read(Path::new("/proc/self/cgroup"));
    let group = group.lines().find_map(|line| line.strip_prefix("0::/"));
    let bound = group.and_then(|group| {
        read(&Path::new("/sys/fs/cgroup").join(group).join("memory.max")).trim().parse::<u64>().ok()
    });
    let available = read(Path::new("/proc/meminfo"))
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next()?.parse::<u64>().ok());
    bound
        .map(|bytes| (bytes, "The memory that the server may have"))
        .or_else(|| available.map(|kib| (kib << 10, "The memory that this machine has left")))
}
