//! What a door asks: accounts and their app-specific passwords, in memory.
//!
//! The store has the truth; this follows it. [`Index::put_account`] is the one way in: after every change, and at
//! the start, an account is put as the store has it, and nothing of what was there before is left. Any number of
//! threads read meanwhile: each finds an account as it was or as it is, never half of it and never nothing.
//!
//! A sign-in takes one look-up, of the account by its name; its passwords lie with it. That allocates nothing and
//! takes one lock, of a 256th of all names, which a writer holds for as long as it takes to put a pointer in its
//! place. What must be computed for a change is computed before, and what was replaced is freed after. Memory is
//! what a look-up waits for, so its ways are kept short: account, passwords, done.

mod account;
mod groups;
mod index;
mod password;
mod table;

pub use account::{Account, Known};
pub use groups::{Allowed, GroupSet, Groups};
pub use index::Index;
pub use password::{Entry, Found};
