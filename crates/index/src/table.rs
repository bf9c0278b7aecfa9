use std::{
    mem,
    sync::{PoisonError, RwLock, RwLockWriteGuard},
};

use hashbrown::HashTable;

/// Parts of a table. A write keeps the readers of one part waiting, and each part grows by itself.
const SHARDS: usize = 256;

/// Values found by a keyed hash, in parts that are locked one by one.
pub(crate) struct Table<T>(Box<[Shard<T>; SHARDS]>);

/// Values beside their hashes: so a part that grows needn't look into them, and a search looks into few others than
/// the one it is after. On a cache line of its own, so that locking a part doesn't slow the next.
#[repr(align(64))]
struct Shard<T>(RwLock<HashTable<(u64, T)>>);

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        Self(Box::new([const { Shard(RwLock::new(HashTable::new())) }; SHARDS]))
    }

    /// Makes room for `values` in all, so that putting them in moves none that are there.
    pub(crate) fn reserve(&self, values: usize) {
        // A few more than its share for each: a hash spreads values evenly, but not exactly so.
        let share = values.div_ceil(SHARDS);
        for shard in self.0.iter() {
            shard.write().reserve(share + share / 16, |(hash, _)| *hash);
        }
    }

    /// What `read` makes of the value of this hash that `is` recognises. Writers to its part wait meanwhile.
    pub(crate) fn get<R>(&self, hash: u64, is: impl Fn(&T) -> bool, read: impl FnOnce(&T) -> R) -> Option<R> {
        // A lock is poisoned when a thread has panicked while holding it. No table is left half changed by that,
        // and a door that goes on answering is better than one that never does again.
        let shard = self.shard(hash).0.read().unwrap_or_else(PoisonError::into_inner);
        shard.find(hash, |(its, value)| *its == hash && is(value)).map(|(_, value)| read(value))
    }

    /// Puts a value in, in the place of the one of this hash that `is` recognises, if any, which is given back.
    /// In the same moment the new one takes from the old one what it needs.
    pub(crate) fn put(
        &self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        value: T,
        take_over: impl FnOnce(&T, &T),
    ) -> Option<T> {
        let mut shard = self.shard(hash).write();
        if let Some((_, old)) = shard.find_mut(hash, |(its, old)| *its == hash && is(old)) {
            take_over(&value, old);
            return Some(mem::replace(old, value));
        }
        shard.insert_unique(hash, (hash, value), |(hash, _)| *hash);
        None
    }

    /// Takes out the value of this hash that `is` recognises.
    pub(crate) fn remove(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let mut shard = self.shard(hash).write();
        let entry = shard.find_entry(hash, |(its, value)| *its == hash && is(value)).ok()?;
        let ((_, value), _) = entry.remove();
        Some(value)
    }

    /// Takes out everything, and gives its memory back.
    pub(crate) fn clear(&self, mut each: impl FnMut(T)) {
        for shard in self.0.iter() {
            let emptied = mem::take(&mut *shard.write());
            emptied.into_iter().for_each(|(_, value)| each(value));
        }
    }

    #[expect(clippy::indexing_slicing, reason = "there is a part for every byte")]
    fn shard(&self, hash: u64) -> &Shard<T> {
        // Bits that hashbrown uses neither for the place in a part (the low ones) nor for its tags (the top seven).
        let [_, part, ..] = hash.to_be_bytes();
        &self.0[usize::from(part)]
    }
}

impl<T> Shard<T> {
    fn write(&self) -> RwLockWriteGuard<'_, HashTable<(u64, T)>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(table: &Table<&'static str>, hash: u64, value: &'static str) -> Option<&'static str> {
        table.put(hash, |held| *held == value, value, |_, _| ())
    }

    fn get(table: &Table<&'static str>, hash: u64, value: &str) -> Option<&'static str> {
        table.get(hash, |held| *held == value, |held| *held)
    }

    #[test]
    fn values_of_one_hash_are_told_apart() {
        let table = Table::new();
        assert_eq!(put(&table, 7, "one"), None);
        assert_eq!(put(&table, 7, "two"), None);
        assert_eq!(put(&table, 7, "one"), Some("one"));
        assert_eq!((get(&table, 7, "one"), get(&table, 7, "two")), (Some("one"), Some("two")));
        assert_eq!((get(&table, 7, "three"), get(&table, 8, "one")), (None, None));
        assert_eq!(table.remove(7, |held| *held == "one"), Some("one"));
        assert_eq!((get(&table, 7, "one"), get(&table, 7, "two")), (None, Some("two")));
    }

    #[test]
    fn a_thread_that_panics_stops_no_other() {
        let table = Table::new();
        put(&table, 7, "one");
        let panicked = std::thread::scope(|threads| {
            threads.spawn(|| table.put(7, |_| true, "two", |_, _| panic!("while it holds the lock"))).join()
        });
        assert!(panicked.is_err());
        assert_eq!(get(&table, 7, "one"), Some("one"));
        assert_eq!(put(&table, 7, "one"), Some("one"));
    }
}
