//! Names of locks where a key does not fit: servers with numbers or short names.

use std::borrow::Cow;
use std::fmt::Write as _;

use blake2::{Blake2b512, Digest};

use crate::backend::AdvisoryLock;

/// The longest name on MySQL and MariaDB, in characters.
const LONGEST: usize = 64;
/// The number of hash bytes at the end of a name.
const HASHED: usize = 16;

/// BLAKE2b-512 (RFC 7693) of the parts, with a zero byte between them.
fn hash(parts: &[&str]) -> [u8; 64] {
    let mut hash = Blake2b512::new();
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            hash.update([0]);
        }
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The name of a lock for a cluster and a key.
///
/// The number is the first 8 bytes of the hash of cluster and key, big-endian. The name is the
/// readable part of the key, and the first 16 bytes of the hash, since the server does not
/// distinguish `A` from `a`.
pub(crate) fn advisory(cluster: &str, key: &str) -> AdvisoryLock {
    let hash = hash(&[cluster, key]);
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    let readable: String = key
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | ':' => character,
            _ => '_',
        })
        .take(LONGEST - 2 * HASHED - 1)
        .collect();
    AdvisoryLock {
        number: i64::from_be_bytes(first),
        name: format!("{readable}/{}", hex(&hash[..HASHED])),
    }
}

/// The key if it fits in this number of bytes, or its beginning and the first 16 bytes of its hash.
pub(super) fn bounded(key: &str, bytes: usize) -> Cow<'_, str> {
    if key.len() <= bytes {
        return Cow::Borrowed(key);
    }
    let begin = key.floor_char_boundary(bytes - 2 * HASHED - 1);
    Cow::Owned(format!(
        "{}/{}",
        &key[..begin],
        hex(&hash(&[key])[..HASHED])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Python: `hashlib.blake2b(b"shop\0sync:airlines")`.
    #[test]
    fn lock_names_are_frozen() {
        let lock = advisory("shop", "sync:airlines");
        assert_eq!(lock.number, -3_006_466_540_862_890_092);
        assert_eq!(lock.name, "sync:airlines/d646e29c2ac51f948ae79735a77b0b74");
    }

    #[test]
    fn names_fit_for_any_key() {
        for key in ["", "ä", &"k".repeat(31), &"k".repeat(32), &"日".repeat(300)] {
            let name = advisory("shop", key).name;
            assert!(name.is_ascii() && name.len() <= LONGEST, "{name}");
        }
        let long = "日".repeat(100);
        let other = format!("{long}!");
        let [one, two] = [&long, &other].map(|key| bounded(key, 255).into_owned());
        assert!(one.len() <= 255 && two.len() <= 255 && one != two);
        assert_eq!(bounded("k", 255), "k");
    }

    #[test]
    fn keys_that_differ_in_case_or_cluster_have_different_locks() {
        let one = advisory("shop", "a");
        assert_ne!(
            one.name.to_lowercase(),
            advisory("shop", "A").name.to_lowercase()
        );
        assert_ne!(one.number, advisory("shop", "A").number);
        assert_ne!(one.number, advisory("store", "a").number);
    }
}
