//! Apple's side of things, without any input or output: what its keys look like, and what it wants to be told.

mod api_key;

pub use api_key::{
    ApiKey, KeyName, ReadError, SECONDS_MAX, SignError, Token, issuer_id, key_id, key_id_in_file_name,
};
