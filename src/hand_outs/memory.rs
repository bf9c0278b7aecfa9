//! What builds were given lately, kept in memory so that giving it again costs no write: sealed, and dropped by whatever could change
//! that they may have it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, Ordering},
    },
};

use domain::{BuildId, Event, Given, ProjectId, Sort, Timestamp, What};
use store::{
    builds::Build,
    hand_outs::{HandOut, Recent},
};

use super::Held;

/// How many builds are kept. More than that open at a time are answered too, from the database.
const MOST: usize = 10_000;
/// How many hand-outs of one build are kept: one for each thing that is given and each address.
const OF_A_BUILD: usize = 16;

/// What builds were given lately.
#[derive(Default)]
pub struct Memory {
    kept: RwLock<Kept>,
    /// What may have repeats that aren't written down yet.
    slots: Mutex<HashMap<i64, Arc<Slot>>>,
}

#[derive(Default)]
struct Kept {
    /// Grows with each change that drops anything: what was read before one isn't kept after it.
    generation: u64,
    by_token: HashMap<[u8; 32], Arc<Known>>,
}

/// A build that was given something.
pub struct Known {
    /// Its id.
    pub build: BuildId,
    /// What it builds.
    pub project: ProjectId,
    /// When its time is over.
    pub ends_at: Timestamp,
    /// The connection that its project uses.
    pub held: Arc<Held>,
    slots: Vec<Arc<Slot>>,
}

/// One hand-out, on which repeats are counted.
pub struct Slot {
    /// The number of its event.
    pub event: i64,
    /// When it was.
    pub at: Timestamp,
    given: Given,
    source: Option<String>,
    repeats: AtomicI64,
    last_at: AtomicI64,
}

/// What an event ends.
enum Ends {
    Nothing,
    Build(BuildId),
    Project(ProjectId),
    Everything,
}

impl Known {
    /// What was given so to this address.
    pub fn slot(&self, given: Given, source: Option<&str>) -> Option<&Arc<Slot>> {
        // The newest of them.
        self.slots.iter().rev().find(|slot| slot.given == given && slot.source.as_deref() == source)
    }
}

impl Slot {
    /// It was given again.
    pub fn repeated(&self, now: Timestamp) {
        self.last_at.fetch_max(now.millis(), Ordering::Relaxed);
        self.repeats.fetch_add(1, Ordering::Release);
    }
}

impl Memory {
    /// How often something was dropped: to be taken before what is to be remembered is read.
    pub fn generation(&self) -> u64 {
        self.read().generation
    }

    /// The build with this token, if it was given something lately.
    pub fn known(&self, token: &[u8; 32]) -> Option<Arc<Known>> {
        self.read().by_token.get(token).cloned()
    }

    /// A place to count the repeats of this hand-out.
    pub fn slot(&self, given: Recent) -> Arc<Slot> {
        let Recent { event, at, given, source, .. } = given;
        let new =
            || Slot { event, at, given, source, repeats: AtomicI64::new(0), last_at: AtomicI64::new(0) };
        Arc::clone(self.slots().entry(event).or_insert_with(|| Arc::new(new())))
    }

    /// Remembers that the build was given this, as long as nothing was dropped since this generation.
    pub fn remember(
        &self,
        token: [u8; 32],
        build: &Build,
        held: &Arc<Held>,
        slot: Arc<Slot>,
        (generation, now): (u64, Timestamp),
    ) {
        let mut kept = self.write();
        if kept.generation != generation {
            return;
        }
        let mut slots = kept.by_token.get(&token).map(|known| known.slots.clone()).unwrap_or_default();
        slots.retain(|other| other.is_recent(now) && other.event != slot.event);
        if slots.len() >= OF_A_BUILD {
            slots.remove(0);
        }
        slots.push(slot);
        if kept.by_token.len() >= MOST && !kept.by_token.contains_key(&token) {
            kept.by_token.retain(|_, known| known.slots.iter().any(|slot| slot.is_recent(now)));
            if kept.by_token.len() >= MOST {
                return;
            }
        }
        let known = Known {
            build: build.id,
            project: build.project,
            ends_at: build.ends_at,
            held: Arc::clone(held),
            slots,
        };
        kept.by_token.insert(token, Arc::new(known));
    }

    /// Drops what these events may have changed. Called in commit order, before the changes are answered.
    pub fn follow(&self, events: &[Event]) {
        for event in events {
            let ends = ends(&event.what);
            if matches!(ends, Ends::Nothing) {
                continue;
            }
            let mut kept = self.write();
            kept.generation += 1;
            match ends {
                Ends::Nothing => {}
                Ends::Build(build) => kept.by_token.retain(|_, known| known.build != build),
                Ends::Project(project) => kept.by_token.retain(|_, known| known.project != project),
                Ends::Everything => kept.by_token.clear(),
            }
        }
    }

    /// Drops everything.
    pub fn clear(&self) {
        let mut kept = self.write();
        kept.generation += 1;
        kept.by_token.clear();
    }

    /// Takes the repeats that aren't written down yet: how many, and the last of them.
    pub fn take_repeats(&self, now: Timestamp) -> Vec<(Arc<Slot>, i64, Timestamp)> {
        let mut taken = Vec::new();
        self.slots().retain(|_, slot| {
            let count = slot.repeats.swap(0, Ordering::Acquire);
            if count > 0 {
                taken.push((
                    Arc::clone(slot),
                    count,
                    Timestamp::from_millis(slot.last_at.load(Ordering::Relaxed)),
                ));
            }
            // Past its minute nobody counts on it any more, but for those who had just found it.
            slot.is_recent(now) || count > 0
        });
        taken
    }

    /// Gives back what couldn't be written down.
    pub fn give_back(&self, taken: Vec<(Arc<Slot>, i64, Timestamp)>) {
        let mut slots = self.slots();
        for (slot, count, _) in taken {
            slot.repeats.fetch_add(count, Ordering::Release);
            slots.entry(slot.event).or_insert(slot);
        }
    }

    /// Puts what isn't written down yet into what is.
    pub fn overlay(&self, found: &mut [HandOut]) {
        let slots = self.slots();
        for one in found {
            let Some(slot) = slots.get(&one.event.number) else { continue };
            let count = slot.repeats.load(Ordering::Acquire);
            if count > 0 {
                one.repeats += count;
                let last_at = Timestamp::from_millis(slot.last_at.load(Ordering::Relaxed));
                one.last_at = one.last_at.max(last_at);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<i64, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event may change of what builds receive. Whatever isn't known to change nothing does.
fn ends(what: &What) -> Ends {
    match what {
        What::BuildOpened { .. } | What::HandedOut { .. } => Ends::Nothing,
        What::BuildEnded { build, .. } => Ends::Build(*build),
        _ => match what.sort() {
            Sort::SignIns | Sort::AppPasswords | Sort::Refusals => Ends::Nothing,
            Sort::Builds => what.project().map_or(Ends::Everything, Ends::Project),
            Sort::Security | Sort::Administration => Ends::Everything,
        },
    }
}

#[cfg(test)]
mod tests;
