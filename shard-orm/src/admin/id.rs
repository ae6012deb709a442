//! The parts of a generated id.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::id::{Layout, NanosecondParts, Parts, nanosecond_parts};

/// A generated id, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IdDescription {
    /// The id.
    pub id: i64,
    /// The widths of a snowflake's sequence, worker and shard in bits: `6/8/8`.
    pub layout: String,
    /// The parts, if it was generated as a snowflake.
    pub snowflake: Parts,
    /// The parts, if it was generated in the style of django-shard-library
    /// (`generate = "nanosecond"`). An id does not tell its kind.
    pub nanosecond: NanosecondParts,
    /// If it is a snowflake: the logical shards on which its row can be, by group. Only groups that
    /// are routed by the hash are listed.
    pub shards: Vec<ShardsOfId>,
}

/// The logical shards of a group on which the row of an id can be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShardsOfId {
    /// The group.
    pub group: String,
    /// Its logical shards, ascending.
    pub shards: Vec<u32>,
}

/// The parts of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UuidParts {
    /// The version of the UUID.
    pub version: u8,
    /// The time of generation, to the millisecond; of version 7 alone.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339"))]
    pub time: Option<SystemTime>,
}

/// Takes an integer id apart, by the configured layout of the cluster's snowflakes. Sends nothing.
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::describe_id;
///
/// let id = describe_id(cluster, 181_190_950_180_423_594)?;
/// assert_eq!((id.snowflake.worker, id.snowflake.shard_bits), (7, 170));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a negative number, which is not generated.
pub fn describe_id(cluster: &Cluster, id: i64) -> Result<IdDescription> {
    let layout = cluster.id_layout();
    let mut description = describe_id_in(layout, id)?;
    let Some(hashes) = layout.hashes(id) else {
        return Ok(description);
    };
    for group in cluster.topology().groups() {
        if let Some(handles) = cluster.handles_of_hashes(group.name(), &hashes)? {
            let numbers = handles.iter().map(|handle| handle.namespace.shard());
            description.shards.push(ShardsOfId {
                group: group.name().to_owned(),
                shards: numbers.collect(),
            });
        }
    }
    Ok(description)
}

/// As [`describe_id`], without a cluster: by this layout, and without logical shards.
///
/// ```
/// use shard_orm::admin::describe_id_in;
/// use shard_orm::id::Layout;
///
/// let id = describe_id_in(Layout::default(), 181_190_950_180_423_594)?;
/// assert_eq!(id.snowflake.sequence, 5);
/// # Ok::<(), shard_orm::Error>(())
/// ```
///
/// # Errors
/// As [`describe_id`].
pub fn describe_id_in(layout: Layout, id: i64) -> Result<IdDescription> {
    let (Some(snowflake), Some(nanosecond)) = (layout.parts(id), nanosecond_parts(id)) else {
        return Err(Error::unsupported(format!(
            "{id} is negative, and generated ids are not"
        )));
    };
    Ok(IdDescription {
        id,
        layout: layout.to_string(),
        snowflake,
        nanosecond,
        shards: Vec::new(),
    })
}

/// Takes a UUID apart, with or without its hyphens.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let id = shard_orm::admin::describe_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")?;
/// assert_eq!(id.version, 7);
/// assert_eq!(id.time, Some(UNIX_EPOCH + Duration::from_millis(1_645_557_742_000)));
/// # Ok::<(), shard_orm::Error>(())
/// ```
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a text that is not a UUID.
pub fn describe_uuid(text: &str) -> Result<UuidParts> {
    let digits: String = text.trim().chars().filter(|digit| *digit != '-').collect();
    let is_uuid = digits.len() == 32 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    let number = is_uuid
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten();
    let Some(number) = number else {
        return Err(Error::unsupported(format!(
            "`{}` is not a generated id; write a whole number, or a UUID",
            text.trim().escape_debug()
        )));
    };
    // RFC 9562: the version is in bits 48 to 51, and the milliseconds of version 7 before it.
    let version = u8::try_from((number >> 76) & 0xf).unwrap_or_default();
    let milliseconds = u64::try_from(number >> 80).unwrap_or_default();
    let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
    Ok(UuidParts {
        version,
        time: (version == 7).then_some(time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_one() {
        for text in [
            "",
            "42",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "+17f22e279b07cc398c4dc0c0c07398f",
        ] {
            assert!(describe_uuid(text).is_err(), "{text}");
        }
        let random = describe_uuid("9f2d3ab05c1b4d6e8f00112233445566");
        assert_eq!(random.map(|id| (id.version, id.time)).ok(), Some((4, None)));
    }
}
