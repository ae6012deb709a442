//! Explanations of calls: statements, servers and merging.

use std::fmt;
use std::sync::Arc;

use crate::backend::Args;
use crate::error::{Result, ShardId};
use crate::exec::{Destination, Intent, Statement, Target};
use crate::plan::batch::Batch;
use crate::plan::shard_task::ShardTask;
use crate::topology::Read;

/// The statements that a query would send, and how results are merged: as data, or as text by
/// `Display`.
///
/// Contains no values, since they are user data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explain {
    /// The statements, in the order in which they are started.
    pub statements: Vec<Planned>,
    /// How results are merged.
    pub merge: Merge,
}

/// A statement that would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Planned {
    /// The server, or the named database, as the configuration calls it.
    pub server: String,
    /// The logical shards that it reads; empty for a named database.
    pub shards: Vec<ShardId>,
    /// The endpoints that may serve it; `None` if only the primary may.
    pub read: Option<Read>,
    /// Its text, with placeholders.
    pub sql: String,
    /// The number of bound values.
    pub values: usize,
}

/// How the results of several statements are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Merge {
    /// There is one result.
    Single,
    /// Results are concatenated.
    Concatenated {
        /// The number of rows that are skipped.
        offset: u64,
        /// The maximum number of rows after that.
        limit: Option<u64>,
    },
    /// Sorted results are merged.
    Sorted {
        /// The columns of the order, with their directions.
        by: Vec<String>,
        /// How many rows are passed over.
        offset: u64,
        /// How many are given then.
        limit: Option<u64>,
    },
    /// Partial aggregates of equal groups are merged.
    Grouped {
        /// The columns of the groups.
        by: Vec<String>,
        /// The number of groups that are skipped.
        offset: u64,
        /// How many are given then.
        limit: Option<u64>,
    },
    /// The numbers of rows are added.
    Added,
}

impl Explain {
    /// The statements of these batches, each made by `statement`.
    pub(crate) fn of<Q: Statement>(
        target: Target<'_>,
        batches: Vec<Batch>,
        intent: Intent,
        merge: Merge,
        statement: impl Fn(Arc<[ShardTask]>) -> Q,
    ) -> Result<Self> {
        let statements = batches.into_iter().map(|batch| {
            let destination = batch.destination();
            planned(target, &destination, intent, &statement(batch.tasks))
        });
        Ok(Self {
            statements: statements.collect::<Result<_>>()?,
            merge,
        })
    }
}

/// A statement as it would be sent to a destination.
fn planned(
    target: Target<'_>,
    destination: &Destination,
    intent: Intent,
    statement: &dyn Statement,
) -> Result<Planned> {
    let handle = &destination.handle;
    let mut args = Args::new(handle.dialect())?;
    let sql = statement.prepare(&handle.namespace, &mut args)?;
    let read = match target {
        Target::Cluster { read, marks, .. } if intent == Intent::Read => Some(match marks {
            Some(_) => read.unwrap_or(Read::Session),
            None => read.unwrap_or(handle.policy()),
        }),
        _ => None,
    };
    Ok(Planned {
        server: handle.server.to_string(),
        shards: destination
            .handles()
            .filter(|handle| handle.namespace.is_sharded())
            .map(|handle| handle.shard_id())
            .collect(),
        read,
        sql: sql.text.to_string(),
        values: args.len(),
    })
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for planned in &self.statements {
            writeln!(f, "{planned}")?;
        }
        match (self.statements.len(), &self.merge) {
            (0, _) => write!(f, "nothing is sent"),
            (_, merge) => write!(f, "{merge}"),
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = match self.read {
            None | Some(Read::Primary) => "primary",
            Some(Read::Replica) => "replica",
            Some(Read::Session) => "what holds the session's writes",
        };
        write!(f, "{} ({read})", self.server)?;
        if let Some(first) = self.shards.first() {
            let numbers: Vec<u32> = self.shards.iter().map(|id| id.shard).collect();
            write!(f, ", {} {}", first.group, Runs(&numbers))?;
        }
        write!(f, "\n  {}", self.sql)
    }
}

/// Numbers, with consecutive ones as `0..8`.
struct Runs<'a>(&'a [u32]);

impl fmt::Display for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self
            .0
            .chunk_by(|one, next| one.checked_add(1) == Some(*next));
        for (position, run) in runs.enumerate() {
            let between = if position > 0 { ", " } else { "" };
            match run {
                [first, .., last] => write!(f, "{between}{first}..{}", u64::from(*last) + 1)?,
                [only] => write!(f, "{between}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single => write!(f, "the answer as it comes"),
            Self::Added => write!(f, "the sum of the rows changed"),
            Self::Concatenated { offset, limit } => {
                write!(f, "the answers one after the other{}", Cut(*offset, *limit))
            }
            Self::Sorted { by, offset, limit } => {
                let cut = Cut(*offset, *limit);
                write!(f, "merged by {}{cut}", by.join(", "))
            }
            Self::Grouped { by, offset, limit } => {
                let cut = Cut(*offset, *limit);
                if by.is_empty() {
                    write!(f, "partial aggregates merged{cut}")
                } else {
                    write!(f, "partial aggregates merged by {}{cut}", by.join(", "))
                }
            }
        }
    }
}

struct Cut(u64, Option<u64>);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 {
            write!(f, ", from the {}. on", self.0 + 1)?;
        }
        match self.1 {
            Some(limit) => write!(f, ", {limit} at most"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_a_run() {
        let runs = |numbers: &[u32]| Runs(numbers).to_string();
        assert_eq!(runs(&[0, 1, 2, 3]), "0..4");
        assert_eq!(runs(&[1, 3, 4, 9]), "1, 3..5, 9");
        assert_eq!(runs(&[u32::MAX]), "4294967295");
        assert_eq!(runs(&[]), "");
    }

    #[test]
    fn what_is_cut_is_said() {
        let by = vec!["quantity desc".to_owned(), "id".to_owned()];
        let merge = Merge::Sorted {
            by,
            offset: 5,
            limit: Some(10),
        };
        assert_eq!(
            merge.to_string(),
            "merged by quantity desc, id, from the 6. on, 10 at most"
        );
    }
}
