//! The checksum of a migration: SHA-384 of its text, as sqlx computes it.

use std::fmt;

use sha2::{Digest as _, Sha384};

/// The checksum of one direction of a migration's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum(String);

impl Checksum {
    pub(super) fn of(text: &str) -> Self {
        let digest = Sha384::digest(text.as_bytes());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// From its form in a table.
    pub(super) fn from_hex(hex: &str) -> Self {
        Self(hex.to_ascii_lowercase())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}
