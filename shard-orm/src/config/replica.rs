//! A replica, as it is described.

use super::Address;

/// A replica: its URL, and its share of the reads that go to replicas.
///
/// ```
/// use shard_orm::config::{Replica, Server};
///
/// let server = Server::new("a", "postgres://app@10.0.0.1/shop")
///     .replica("postgres://app@10.0.0.2/shop")
///     .replica(Replica::new("postgres://app@10.0.0.3/shop").weight(3));
/// ```
#[derive(Debug, Clone)]
pub struct Replica {
    pub(crate) address: Address,
    pub(crate) weight: u32,
}

impl Replica {
    /// A replica at this URL, of weight 1.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            address: Address::new(url),
            weight: 1,
        }
    }

    /// Sets its share of the reads, in proportion to the weights of the others. A replica of
    /// weight 0 serves no read; it is watched, and followed when it becomes the primary.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

impl From<&str> for Replica {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for Replica {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl From<&String> for Replica {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}
