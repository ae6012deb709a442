//! The configuration of a group's routing strategy.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Runs;
use crate::route::Strategy;

/// How a group's keys are distributed over its logical shards; see [`route`](crate::route) for
/// each.
///
/// ```
/// use shard_orm::config::{Group, StrategyConfig};
/// use shard_orm::route::Modulo;
///
/// let by_range = Group::new(3).strategy(StrategyConfig::Range { bounds: vec![1_000, 2_000] });
/// let built_in_code = Group::new(16).strategy(Modulo::new(16)?);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum StrategyConfig {
    /// Contiguous ranges of a hash: [`route::Hash`](crate::route::Hash).
    #[default]
    Hash,
    /// The remainder of the key: [`route::Modulo`](crate::route::Modulo).
    Modulo,
    /// Ranges of the key: [`route::Range`](crate::route::Range).
    Range {
        /// The first key of each shard except shard 0, ascending.
        bounds: Vec<i64>,
    },
    /// A consistent-hash ring: [`route::Ring`](crate::route::Ring).
    Ring {
        /// Points on the ring per unit of weight; 512 is usual.
        virtual_nodes: u32,
        /// The weight of each logical shard; `None` for equal weights.
        weights: Option<Vec<u32>>,
    },
    /// The ring of django-shard-library over the group's namespaces:
    /// [`route::DjangoRing`](crate::route::DjangoRing).
    DjangoRing {
        /// Points on the ring per logical shard; that library uses 512.
        virtual_nodes: u32,
    },
    /// The region selects the logical shards: [`route::Region`](crate::route::Region).
    Region {
        /// The runs of logical shards of each region.
        regions: Vec<(String, Vec<Range<u32>>)>,
        /// The region for keys without a region, or with an unknown one.
        default: Option<String>,
    },
    /// A strategy implemented in code.
    Custom(Arc<dyn Strategy>),
}

impl StrategyConfig {
    /// Whether both route alike, as far as that is decidable. Strategies in code are compared by
    /// type and `Debug` output.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Custom(one), Self::Custom(other)) => {
                Arc::ptr_eq(one, other) || format!("{one:?}") == format!("{other:?}")
            }
            (Self::Hash, Self::Hash) | (Self::Modulo, Self::Modulo) => true,
            (Self::Range { bounds: one }, Self::Range { bounds: other }) => one == other,
            (
                Self::Ring {
                    virtual_nodes: one,
                    weights: own,
                },
                Self::Ring {
                    virtual_nodes: other,
                    weights: its,
                },
            ) => one == other && own == its,
            (
                Self::DjangoRing { virtual_nodes: one },
                Self::DjangoRing {
                    virtual_nodes: other,
                },
            ) => one == other,
            (
                Self::Region {
                    regions: one,
                    default: own,
                },
                Self::Region {
                    regions: other,
                    default: its,
                },
            ) => one == other && own == its,
            _ => false,
        }
    }
}

/// The notation of configuration files. Equal strings route alike, except for strategies in code.
impl fmt::Display for StrategyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash => f.write_str("\"hash\""),
            Self::Modulo => f.write_str("\"modulo\""),
            Self::Range { bounds } => write!(f, "{{ type = \"range\", bounds = {bounds:?} }}"),
            Self::Ring {
                virtual_nodes,
                weights,
            } => {
                write!(f, "{{ type = \"ring\", virtual_nodes = {virtual_nodes}")?;
                // Weights of 1 are the default.
                if let Some(weights) = weights
                    .as_ref()
                    .filter(|all| all.iter().any(|one| *one != 1))
                {
                    write!(f, ", weights = {weights:?}")?;
                }
                f.write_str(" }")
            }
            Self::DjangoRing { virtual_nodes } => write!(
                f,
                "{{ type = \"ring\", compatible = \"django-shard-library\", virtual_nodes = {virtual_nodes} }}"
            ),
            Self::Region { regions, default } => {
                f.write_str("{ type = \"region\"")?;
                if let Some(default) = default {
                    write!(f, ", default = {default:?}")?;
                }
                f.write_str(", regions = { ")?;
                let mut regions: Vec<_> = regions.iter().collect();
                regions.sort_by_key(|(name, _)| name);
                for (position, (name, runs)) in regions.into_iter().enumerate() {
                    let comma = if position == 0 { "" } else { ", " };
                    write!(
                        f,
                        "{comma}{name:?} = {}",
                        Runs::of(runs.iter().cloned().flatten())
                    )?;
                }
                f.write_str(" } }")
            }
            Self::Custom(strategy) => write!(f, "(in code) {:?}", strategy.name()),
        }
    }
}

impl From<Arc<dyn Strategy>> for StrategyConfig {
    fn from(strategy: Arc<dyn Strategy>) -> Self {
        Self::Custom(strategy)
    }
}

impl<S: Strategy> From<S> for StrategyConfig {
    fn from(strategy: S) -> Self {
        Self::Custom(Arc::new(strategy))
    }
}
