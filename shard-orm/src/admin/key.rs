//! A shard key that is known at run time alone, as an operator writes it.

use std::fmt;
use std::str::FromStr;

use crate::cluster::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::route::RoutingKey;

/// A shard key as an operator writes it: `42`, or `eu/42` in a group with regions.
///
/// ```
/// use shard_orm::admin::Key;
///
/// let key: Key = "eu/-42".parse()?;
/// assert_eq!((key.region.as_deref(), key.key), (Some("eu"), -42));
/// assert_eq!(key.to_string(), "eu/-42");
/// assert!("forty-two".parse::<Key>().is_err());
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Key {
    /// The region, in groups that are routed by regions.
    pub region: Option<String>,
    /// The shard key.
    pub key: i64,
}

impl Key {
    /// A key without a region.
    #[must_use]
    pub const fn new(key: i64) -> Self {
        Self { region: None, key }
    }

    /// The same key in a region.
    #[must_use]
    pub fn in_region(self, region: impl Into<String>) -> Self {
        Self {
            region: Some(region.into()),
            key: self.key,
        }
    }

    /// The key as the strategies take it.
    #[must_use]
    pub fn routing_key(&self) -> RoutingKey<'_> {
        RoutingKey {
            region: self.region.as_deref(),
            key: self.key,
        }
    }
}

impl From<i64> for Key {
    fn from(key: i64) -> Self {
        Self::new(key)
    }
}

impl FromStr for Key {
    type Err = Error;

    /// Reads `42` or `eu/42`; spaces around it do not count.
    ///
    /// # Errors
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // A region may contain the separator, and a number does not.
        let (region, number) = match text.rsplit_once('/') {
            Some((region, number)) => (Some(region), number),
            None => (None, text),
        };
        match (number.parse(), region) {
            (Ok(key), None) => Ok(Self::new(key)),
            (Ok(key), Some(region)) if !region.is_empty() => Ok(Self::new(key).in_region(region)),
            _ => Err(Error::new(
                ErrorKind::NoShardForKey,
                format!(
                    "`{}` is not a shard key; write a whole number from {} to {}, or a region and \
                     a number, as in eu/42",
                    text.escape_debug(),
                    i64::MIN,
                    i64::MAX,
                ),
            )),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{region}/{}", self.key),
            None => write!(f, "{}", self.key),
        }
    }
}

/// Addresses of groups and databases whose names are known at run time alone.
impl Address {
    /// The logical shard that owns a key.
    ///
    /// ```
    /// use shard_orm::Address;
    /// use shard_orm::admin::Key;
    ///
    /// # fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// let group = std::env::var("GROUP").unwrap_or_default();
    /// println!("{}", cluster.locate(&Address::key_in(&group, &Key::new(42)))?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn key_in(group: &str, key: &Key) -> Self {
        Self::of_key_in(group, key.routing_key())
    }

    /// The logical shard with this number.
    #[must_use]
    pub fn shard_in(group: &str, shard: u32) -> Self {
        Self::of_shard_in(group, shard)
    }

    /// The named database.
    #[must_use]
    pub fn database_named(name: &str) -> Self {
        Self::of_database_named(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_as_written() {
        for text in [
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "eu/0",
            "a/b/7",
        ] {
            let key: Result<Key> = text.parse();
            assert_eq!(key.map(|key| key.to_string()).ok().as_deref(), Some(text));
        }
        assert_eq!(" 42\r\n".parse::<Key>().ok(), Some(Key::new(42)));
    }

    #[test]
    fn anything_else_is_no_key() {
        for text in ["", "eu/", "/1", "1.5", "9223372036854775808", "0x10", "1 2"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
