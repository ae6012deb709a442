//! What errors must not show.

use std::error::Error as _;

use shard_orm::Error;

/// The password of the URLs that tests look for.
pub const SECRET: &str = "s3cr3t";

/// Whether an error, in all that it says of itself and of what is behind it, keeps the password to itself.
///
/// # Panics
/// When it shows it.
#[track_caller]
pub fn assert_no_secret(error: &Error) {
    let mut words = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(&format!("\n{error}\n{error:?}\n{error:#?}"));
        source = error.source();
    }
    assert!(!words.contains(SECRET), "a password shows: {words}");
}
