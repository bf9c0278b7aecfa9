//! The database restarts, or the network between stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::proxy::Proxy;
use crate::db::tests::cluster::{self, Cluster};
use crate::db::tests::{KEYS, TABLES, Told, adding, texts, until};
use crate::db::{Database, DbError, Lease, Options, Outcome, PostgresUrl};

struct Owner {
    db: Database<&'static str>,
    lease: Lease,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Owner {
    fn at(url: &str) -> Self {
        let mut options = Options::postgres(PostgresUrl::parse(url).unwrap(), "owner".to_owned()).unwrap();
        options.lease = Lease::lasting(Duration::from_secs(2));
        let (lease, told) = (options.lease.clone(), Arc::<Mutex<Vec<Told>>>::default());
        let telling = Arc::clone(&told);
        let follower = move |outcome: Outcome<'_, &'static str>| {
            telling.lock().unwrap().push(match outcome {
                Outcome::Committed { notes, .. } => Told::Committed(notes.to_vec()),
                Outcome::Unknown { notes } => Told::Unknown(notes.to_vec()),
                // It may have been cut again by now.
                Outcome::Settled { conn } => {
                    Told::Settled(conn.query(&KEYS, &[]).map(texts).unwrap_or_default())
                }
            });
        };
        Self { db: Database::open(options, &[TABLES], follower).unwrap(), lease, told }
    }

    fn keys(&self) -> Result<Vec<String>, DbError> {
        self.db.read(|conn| conn.query(&KEYS, &[])).map(texts)
    }
}

fn is_unavailable<R>(answer: &Result<R, DbError>) -> bool {
    matches!(answer, Err(DbError::Unavailable(_)))
}

#[test]
fn after_a_crash_of_the_database_all_goes_on_by_itself() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let owner = Owner::at(&database.url());
    owner.db.write_blocking(adding("a")).unwrap();
    assert_eq!(owner.keys(), Ok(vec!["a".to_owned()]));
    cluster.stop();
    until(|| !owner.lease.runs());
    assert!(is_unavailable(&owner.keys()));
    assert!(is_unavailable(&owner.db.write_blocking(adding("b"))));
    assert!(is_unavailable(&owner.db.scan_blocking(|conn| conn.query(&KEYS, &[]))));
    cluster.start_again();
    until(|| owner.lease.runs());
    owner.db.write_blocking(adding("c")).unwrap();
    let both = vec!["a".to_owned(), "c".to_owned()];
    assert_eq!(owner.keys(), Ok(both.clone()));
    assert_eq!(owner.db.scan_blocking(|conn| conn.query(&KEYS, &[])).map(texts), Ok(both));
    let told = owner.told.lock().unwrap().clone();
    let expected = [
        Told::Committed(vec!["a"]),
        Told::Unknown(vec![]),
        Told::Settled(vec!["a".to_owned()]),
        Told::Committed(vec!["c"]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn while_the_network_stands_still_nothing_is_waited_for_longer_than_the_lease() {
    let database = cluster::shared().database();
    let proxy = Proxy::to(cluster::shared().socket());
    let owner = Owner::at(&proxy.url(&database.name));
    owner.db.write_blocking(adding("a")).unwrap();
    proxy.freeze();
    until(|| !owner.lease.runs());
    // At once: each of these would take seconds if it asked.
    let began = crate::db::lease::now();
    for _ in 0..100 {
        assert!(is_unavailable(&owner.keys()));
        assert!(is_unavailable(&owner.db.write_blocking(adding("b"))));
    }
    assert!(crate::db::lease::now() - began < 1000);
    proxy.thaw();
    until(|| owner.lease.runs());
    owner.db.write_blocking(adding("c")).unwrap();
    assert_eq!(owner.keys(), Ok(vec!["a".to_owned(), "c".to_owned()]));
    // It had the lock all the time, so nothing had to be read anew.
    let told = owner.told.lock().unwrap().clone();
    assert_eq!(told, [Told::Committed(vec!["a"]), Told::Committed(vec!["c"])]);
}

#[test]
fn reads_that_wait_are_bounded_and_so_is_their_wait() {
    let database = cluster::shared().database();
    let proxy = Proxy::to(cluster::shared().socket());
    let owner = Owner::at(&proxy.url(&database.name));
    proxy.freeze();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let reads: Vec<_> = (0..100).map(|_| scope.spawn(|| owner.keys())).collect();
        reads.into_iter().map(|read| read.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!(matches!(answer, Err(DbError::Unavailable(_) | DbError::Busy)), "{answer:?}");
    }
    proxy.thaw();
    until(|| owner.lease.runs());
    assert_eq!(owner.keys(), Ok(vec![]));
}

#[test]
fn a_connection_that_is_cut_is_made_anew() {
    let database = cluster::shared().database();
    let proxy = Proxy::to(cluster::shared().socket());
    let owner = Owner::at(&proxy.url(&database.name));
    owner.db.write_blocking(adding("a")).unwrap();
    for _ in 0..3 {
        proxy.go_away();
        until(|| !owner.lease.runs());
        assert!(is_unavailable(&owner.keys()));
        proxy.come_back();
        until(|| owner.lease.runs());
        assert_eq!(owner.keys(), Ok(vec!["a".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thread_that_serves_others_goes_on_while_one_of_them_waits() {
    let database = cluster::shared().database();
    let proxy = Arc::new(Proxy::to(cluster::shared().socket()));
    let owner = Arc::new(Owner::at(&proxy.url(&database.name)));
    proxy.freeze();
    let reading = Arc::clone(&owner);
    let read = tokio::spawn(async move { reading.keys() });
    while !proxy.is_held() {
        tokio::task::yield_now().await;
    }
    // There is one thread, and it is here while the read waits on its own.
    assert!(!read.is_finished());
    proxy.thaw();
    assert_eq!(read.await.unwrap(), Ok(vec![]));
}
