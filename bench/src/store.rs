//! What the store does in a second, on a database that nobody else uses: `... -p doorkey-bench store [postgres://...]`. Without a URL
//! it is a file in a temporary folder.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{Budget, Timestamp};
use store::{DataLock, DbError, Lease, Place, PostgresUrl, Store, budgets};

/// How long each line is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// Measures, and prints a line for each number of callers.
pub fn run(url: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let lock = DataLock::acquire(folder.path()).unwrap();
    let place = match url {
        Some(url) => Place::Postgres(PostgresUrl::parse(url).unwrap()),
        None => Place::Sqlite(folder.path().join("doorkey.db")),
    };
    let store = Arc::new(Store::open(&place, &lock, Lease::default(), |_| ()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{}", url.map_or("SQLite", |_| "PostgreSQL"));
    for callers in [1, 8, 64] {
        println!(
            "  {callers:>2} callers: {:>7.0} changes of one row a second",
            runtime.block_on(changes(&store, callers))
        );
    }
    for callers in [1, 8, 64] {
        println!(
            "  {callers:>2} callers: {:>7.0} reads of one row a second",
            runtime.block_on(reads(&store, callers))
        );
    }
    store.close();
}

/// How many rows a second so many callers together store, each a change after the other, in a file of their own.
pub fn committed(callers: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let lock = DataLock::acquire(folder.path()).unwrap();
    let place = Place::Sqlite(folder.path().join("doorkey.db"));
    let store = Arc::new(Store::open(&place, &lock, Lease::default(), |_| ()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rate = runtime.block_on(changes(&store, callers));
    store.close();
    rate
}

/// Each caller stores one change after the other, and waits until it is durable.
async fn changes(store: &Arc<Store>, callers: usize) -> f64 {
    measure(callers, |caller| {
        let store = Arc::clone(store);
        move |n| {
            let store = Arc::clone(&store);
            let bucket = format!("bench {caller} {}", n % 1000);
            let budget = Budget { failures: 1, last_failed_at: Some(Timestamp::from_millis(1)) };
            async move { store.write(move |tx| budgets::put(tx, &bucket, budget)).await.unwrap() }
        }
    })
    .await
}

async fn reads(store: &Arc<Store>, callers: usize) -> f64 {
    measure(callers, |caller| {
        let store = Arc::clone(store);
        move |n| {
            let store = Arc::clone(&store);
            let bucket = format!("bench {caller} {}", n % 1000);
            async move {
                let read: Result<Budget, DbError> = store.read(|conn| budgets::get(conn, &bucket));
                read.unwrap();
            }
        }
    })
    .await
}

/// How often a second all callers together did their work.
async fn measure<W, F>(callers: usize, work: impl Fn(usize) -> W) -> f64
where
    W: Fn(u64) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let (done, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let running: Vec<_> = (0..callers)
        .map(|caller| {
            let (work, done, stop) = (work(caller), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    work(n).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::interval_at(tokio::time::Instant::now() + MEASURED, MEASURED).tick().await;
    stop.store(true, Ordering::Relaxed);
    let done = done.load(Ordering::Relaxed);
    for caller in running {
        caller.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "it is printed without its last digits")]
    let done = done as f64;
    done / MEASURED.as_secs_f64()
}
