//! The checksum of a set of rows, the same on all databases.
//!
//! # The encoding
//! A row is a text: its columns in the model's order, one after the other, each as `-` when it is
//! NULL and else as the number of its bytes in decimal, `:`, and the bytes:
//!
//! | column | bytes |
//! |---|---|
//! | `bool` | `1` or `0` |
//! | integers | decimal digits, `-` before a negative number |
//! | `f32`, `f64` | the 64 bits of the IEEE 754 double in 16 lower hexadecimal digits, the sign first; an `f32` is widened, `-0.0` counts as `0.0`, every NaN is `7ff8000000000000` |
//! | decimals | as written, without zeros at the end of the fraction: `-0.5`, `100`, `0` |
//! | timestamps | microseconds since 1970-01-01 00:00:00 in decimal; those with a zone in UTC |
//! | dates | days since 1970-01-01 in decimal |
//! | times of day | microseconds since midnight in decimal |
//! | texts | their UTF-8 |
//! | bytes, UUIDs | two lower hexadecimal digits for each byte |
//! | JSON | without spaces, the members of objects ordered by the bytes of their names, strings with the escapes that JSON demands, whole numbers below 2^53 as integers |
//!
//! So the row `(7, NULL, "tea")` is `1:7-3:tea`. Its digest is the MD5 of that. The digest of a set
//! of rows is their number and four sums: each MD5 is four words of 32 bits, big-endian, and the
//! words at each place are added modulo 2^64. Sums, so that the order does not matter and the
//! digests of two disjoint sets add up to that of both.
//!
//! MD5 is there against accidents. Who can choose rows can make two tables whose digests are equal.
//!
//! PostgreSQL, MySQL and MariaDB compute it themselves. SQLite has no MD5, and JSON is spelled
//! otherwise everywhere: there the rows are read and the library computes it.

mod encoding;
#[cfg(feature = "json")]
mod json;
mod statement;

pub(crate) use encoding::encode;
pub(crate) use statement::{digests, is_by_server};

use std::fmt;

use md5::{Digest as _, Md5};

use super::range::{KeyOrder, Method, Range};
use super::table::TableAt;
use crate::error::Result;

/// The checksum of a set of rows: equal sets have equal ones, on all databases and in any order.
///
/// Its text form is the number of rows and the four sums.
///
/// ```
/// use shard_orm::sync::Digest;
///
/// let mut one = Digest::default();
/// one.add_row(b"1:7-3:tea");
/// one.add_row(b"1:8-6:coffee");
/// let mut other = Digest::default();
/// other.add_row(b"1:8-6:coffee");
/// other.add_row(b"1:7-3:tea");
/// assert_eq!(one, other);
/// assert_eq!(one.rows(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    rows: u64,
    words: [u64; 4],
}

impl Digest {
    pub(crate) fn new(rows: u64, words: [u64; 4]) -> Self {
        Self { rows, words }
    }

    /// Of the first two words of sums of so many rows, as texts.
    #[cfg(feature = "reshard")]
    pub(crate) fn of_words(rows: u64, words: &[String; 2]) -> Result<Self> {
        let [one, two] = [&words[0], &words[1]].map(|word| {
            word.parse().map_err(|source| {
                crate::error::Error::decode(format!("`{word}` is not a sum of hashes"))
                    .with_source(source)
            })
        });
        Ok(Self::new(rows, [one?, two?, 0, 0]))
    }

    /// The first two words as one number, which adds up as they do for less than 2^30 rows; nothing without rows.
    #[cfg(feature = "reshard")]
    pub(crate) fn folded(&self) -> Option<String> {
        let [one, two, ..] = self.words.map(i128::from);
        (self.rows > 0).then(|| (one + (two << 62)).to_string())
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row, which is given in its encoding: see the guide, "Comparing copies".
    pub fn add_row(&mut self, encoded: &[u8]) {
        let hash = Md5::digest(encoded);
        self.rows = self.rows.wrapping_add(1);
        for (word, bytes) in self.words.iter_mut().zip(hash.chunks_exact(4)) {
            let value = bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte));
            *word = word.wrapping_add(value);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, two, three, four] = self.words;
        let rows = self.rows;
        write!(f, "{rows} rows {one:016x}{two:016x}{three:016x}{four:016x}")
    }
}

/// The digest of a whole table.
///
/// One statement. On SQLite, and of a model with a column of JSON, it reads all rows, one at a
/// time.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when a row is too large for a server to encode
/// or the database is not in UTF-8, and whatever a read fails with.
pub async fn digest(table: &TableAt<'_>) -> Result<Digest> {
    let order = KeyOrder::of(table.table());
    let (digests, _) = digests(table, &order, &[Range::default()], Method::Condition, &[]).await?;
    Ok(digests.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_hash_as_another_implementation_hashes_them() {
        let vectors = include_str!("../../tests/vectors/digest.tsv");
        let mut all = Digest::default();
        let lines = vectors.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (encoded, expected) = line.split_once('\t').unwrap();
            if encoded == "all" {
                assert_eq!(all.to_string(), expected);
                return;
            }
            let mut one = Digest::default();
            one.add_row(encoded.as_bytes());
            let words: String = one.words.iter().map(|word| format!("{word:08x}")).collect();
            assert_eq!(words, expected, "{encoded:?}");
            all.add_row(encoded.as_bytes());
        }
        unreachable!("the vectors end with the digest of all");
    }

    #[test]
    fn digests_of_parts_add_up_modulo_two_to_the_64() {
        let mut near = Digest::new(1, [u64::MAX; 4]);
        near.add_row(b"");
        let mut empty = Digest::default();
        empty.add_row(b"");
        assert_eq!(near.words.map(|word| word.wrapping_add(1)), empty.words);
    }
}
