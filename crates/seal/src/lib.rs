//! Encryption at rest, and the keys for it.
//!
//! One key lies outside the database, in a file or wherever a command fetches it from: the [`MasterKey`]. It wraps
//! the data keys, which lie in the database and do the work: the [`Keyring`]. So a stolen database says nothing,
//! and the key outside can be changed without touching what is sealed.
//!
//! What is sealed is bound to its [`Place`]: whoever can write to the database, but has no key, can't move one
//! person's secret into another's row.

mod aead;
mod key_file;
mod keyring;
mod mac;
mod master_key;
mod sealed;
mod wrapped_key;

pub use domain::Secret;
pub use key_file::KeyFileError;
pub use keyring::{Keyring, OpenError};
pub use mac::same;
pub use master_key::{MasterKey, MasterKeys, NotAKey};
pub use sealed::{Place, UnsealError, sealed_by};
pub use wrapped_key::{KeyPurpose, WrappedKey, wrapped_by};
