//! Places for connections: how many there are at a time, for all and for one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Places for connections. Past their number new ones wait in the system's queue, and those that are open are served.
pub struct Places {
    most: usize,
    free: Arc<Semaphore>,
    for_one: Option<ForOne>,
    refused: AtomicU64,
    crowded: Notify,
    pushed_out: AtomicU64,
}

/// The bound for one address, so that nobody takes all places alone.
struct ForOne {
    most: NonZeroUsize,
    /// Many people's connections come from these.
    but: Vec<IpNet>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that is taken, until it is dropped.
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    of_one: Option<(Arc<Places>, IpAddr)>,
}

impl Places {
    /// So many, for anybody.
    pub fn new(most: usize) -> Arc<Self> {
        Self::bounded(most, None, &[])
    }

    /// So many, and of them so many for one address, if it isn't one of `but`.
    pub fn bounded(most: usize, for_one: Option<NonZeroUsize>, but: &[IpNet]) -> Arc<Self> {
        let for_one = for_one.map(|most| ForOne { most, but: but.to_vec(), taken: Mutex::default() });
        Arc::new(Self {
            most,
            free: Arc::new(Semaphore::new(most)),
            for_one,
            refused: AtomicU64::new(0),
            crowded: Notify::new(),
            pushed_out: AtomicU64::new(0),
        })
    }

    /// How many there are.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.most.saturating_sub(self.free.available_permits())
    }

    /// How many connections were closed because their address had as many as one may have.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many connections were closed before they had signed in, to make room for others.
    pub fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }

    /// Waits for a free place. None once there will be no more.
    pub async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// The same, for who has come already: while there is none, whoever has waited longest in [`Places::crowded`] makes room.
    pub async fn make_room(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(free) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(free);
        }
        self.crowded.notify_one();
        let free = self.free().await;
        // If somebody went by themselves, nobody has to any more.
        tokio::select! {
            biased;
            () = self.crowded.notified() => {}
            () = std::future::ready(()) => {}
        }
        free
    }

    /// Waits until this connection has to make room: for one that is idle, and hasn't signed in.
    pub async fn crowded(&self) {
        self.crowded.notified().await;
        self.pushed_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes it for a connection from this address; none when that address has as many as one may have.
    pub fn take(self: &Arc<Self>, free: OwnedSemaphorePermit, peer: Option<IpAddr>) -> Option<Place> {
        let bounded = self.for_one.as_ref().zip(peer.map(|peer| peer.to_canonical()));
        let Some((for_one, ip)) =
            bounded.filter(|(for_one, ip)| !for_one.but.iter().any(|net| net.contains(ip)))
        else {
            return Some(Place { _of_all: free, of_one: None });
        };
        let network = network(ip);
        let mut taken = lock(&for_one.taken);
        let count = taken.entry(network).or_default();
        if *count >= for_one.most.get() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        Some(Place { _of_all: free, of_one: Some((Arc::clone(self), network)) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, network)) = self.of_one.take() else { return };
        let Some(for_one) = &places.for_one else { return };
        let mut taken = lock(&for_one.taken);
        if let Some(count) = taken.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&network);
            }
        }
    }
}

/// What counts as one address: of IPv6, the 64 bits that a household or a machine is given.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, for_one: usize) -> Arc<Places> {
        Places::bounded(most, NonZeroUsize::new(for_one), &["192.0.2.7/32".parse().unwrap()])
    }

    async fn take(places: &Arc<Places>, ip: &str) -> Option<Place> {
        places.take(places.free().await.unwrap(), Some(ip.parse().unwrap()))
    }

    #[tokio::test]
    async fn one_address_has_as_many_as_it_may_and_a_proxy_any_number() {
        let places = places(10, 2);
        let held =
            [take(&places, "192.0.2.1").await.unwrap(), take(&places, "::ffff:192.0.2.1").await.unwrap()];
        assert!(take(&places, "192.0.2.1").await.is_none());
        assert_eq!((places.taken(), places.refused()), (2, 1));
        let others = [take(&places, "192.0.2.2").await.unwrap()];
        let mut proxy = Vec::new();
        for _ in 0..5 {
            proxy.push(take(&places, "192.0.2.7").await.unwrap());
        }
        assert_eq!(places.taken(), 8);
        drop(held);
        assert!(take(&places, "192.0.2.1").await.is_some());
        drop((others, proxy));
        assert_eq!(places.taken(), 0);
        assert!(
            lock(&places.for_one.as_ref().unwrap().taken).is_empty(),
            "nothing is kept of those who have gone"
        );
    }

    #[tokio::test]
    async fn of_ipv6_a_network_is_one_address() {
        let places = places(10, 1);
        let _held = take(&places, "2001:db8:1:2::1").await.unwrap();
        assert!(take(&places, "2001:db8:1:2:ffff::2").await.is_none());
        assert!(take(&places, "2001:db8:1:3::1").await.is_some());
    }

    #[tokio::test]
    async fn who_has_waited_longest_makes_room_and_nobody_for_nothing() {
        let places = places(2, 9);
        let ended = Arc::new(Mutex::new(Vec::new()));
        let come = |name: &'static str| {
            let (places, ended) = (Arc::clone(&places), Arc::clone(&ended));
            async move {
                let free = places.make_room().await.unwrap();
                tokio::spawn(async move {
                    places.crowded().await;
                    lock(&ended).push(name);
                    drop(free);
                });
                tokio::task::yield_now().await;
            }
        };
        come("first").await;
        come("second").await;
        assert_eq!(places.pushed_out(), 0);
        come("third").await;
        come("fourth").await;
        assert_eq!((lock(&ended).clone(), places.pushed_out()), (vec!["first", "second"], 2));

        // All are at work: who comes then waits for one of them to end, and pushes nobody out afterwards.
        let busy = super::Places::new(1);
        let held = busy.make_room().await.unwrap();
        let next = tokio::spawn({
            let busy = Arc::clone(&busy);
            async move { busy.make_room().await.unwrap() }
        });
        tokio::task::yield_now().await;
        drop(held);
        let _next = next.await.unwrap();
        let idle = tokio::spawn(async move { busy.crowded().await });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
    }
}
