//! The configuration of a replica.

use super::Address;

/// A replica: its URL and its weight for reads.
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
    /// A replica at this URL, with weight 1.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            address: Address::new(url),
            weight: 1,
        }
    }

    /// Sets its share of the reads, in proportion to the other weights. A replica of weight 0
    /// serves no reads, but is monitored and used if it becomes the primary.
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
