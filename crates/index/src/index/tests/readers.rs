use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::*;

/// Ends the readers also when the writer panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn what_is_there_before_and_after_a_change_is_there_during_it() {
    let index = Index::new();
    // Two states of account 1, which have a name and two passwords in common; "moves" goes to and fro.
    let states = [
        (account(1, &["ada", "moves"]), vec![entry(1), entry(5), entry(9)]),
        (account(1, &["ada", "other"]), (0..25).map(entry).collect()),
    ];
    let bob = [account(2, &["bob"]), account(2, &["bob", "moves"])];
    let put = |n: usize| {
        // Who takes the name comes first, so that it always is somebody's.
        let (first, second) = if n == 0 { (0, 1) } else { (1, 0) };
        for who in [first, second] {
            if who == 0 {
                index.put_account(states[n].0.clone(), &states[n].1);
            } else {
                index.put_account(bob[n].clone(), &[]);
            }
        }
    };
    put(0);
    let kept = index.account_by_id(id(1)).unwrap();
    let (done, start) = (AtomicBool::new(false), Barrier::new(9));
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                start.wait();
                let mut rounds = 0;
                while rounds == 0 || !done.load(Ordering::Acquire) {
                    let (by_id, by_name) = (index.account_by_id(id(1)), index.account("ada@x.org"));
                    for account in [Some(kept.clone()), by_id, by_name] {
                        let account = account.expect("there in both states");
                        for n in [1, 5] {
                            let found = index
                                .find(&account, &[n; 32], &Allowed::Everyone)
                                .expect("live in both states");
                            assert_eq!((account.id, found.id), (id(1), entry(n).id));
                        }
                    }
                    assert!(whose(&index, "moves@x.org").is_some());
                    rounds += 1;
                }
            });
        }
        let _done = Done(&done);
        start.wait();
        for n in 1..4_000 {
            put(n % 2);
        }
    });
}

#[test]
fn what_a_change_took_away_is_found_by_nobody_after_it() {
    let index = Index::new();
    index.put_account(account(1, &["ada"]), &[entry(1)]);
    let kept = index.account("ada@x.org").unwrap();
    // Even while password 9 is gone for sure, odd while it may be there.
    let (phase, done, start) = (AtomicUsize::new(0), AtomicBool::new(false), Barrier::new(9));
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                start.wait();
                while !done.load(Ordering::Acquire) {
                    let before = phase.load(Ordering::SeqCst);
                    let found = [Some(kept.clone()), index.account("ada@x.org"), index.account_by_id(id(1))]
                        .map(|account| {
                            account.and_then(|account| index.find(&account, &[9; 32], &Allowed::Everyone))
                        });
                    if before % 2 == 0 && phase.load(Ordering::SeqCst) == before {
                        assert_eq!(found, [None; 3]);
                    }
                }
            });
        }
        let _done = Done(&done);
        start.wait();
        for _ in 0..1_000 {
            phase.fetch_add(1, Ordering::SeqCst);
            index.put_account(account(1, &["ada"]), &[entry(1), entry(9)]);
            index.put_account(account(1, &["ada"]), &[entry(1)]);
            phase.fetch_add(1, Ordering::SeqCst);
            // Time for the readers to look.
            for _ in 0..20 {
                index.put_account(account(2, &["bob"]), &[entry(2)]);
            }
        }
    });
}
