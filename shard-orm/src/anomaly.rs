//! What is unusual in the statistics: simple rules, each of which says from which figures it follows.
//!
//! Pure functions over [`Statistics`](crate::cluster::Statistics). Called by `metrics`, the command and the web page.

mod rules;
mod text;
mod trend;

use std::fmt;
use std::time::Duration;

pub use self::trend::Trend;

/// Something unusual.
///
/// ```
/// # fn run(cluster: &shard_orm::Cluster) {
/// use shard_orm::statistics::Rules;
///
/// for anomaly in Rules::new().find(&cluster.statistics()) {
///     println!("{}: {anomaly}. {}", anomaly.subject, anomaly.advice());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Anomaly {
    /// The rule by which it is one.
    pub rule: Rule,
    /// What it is about.
    pub subject: Subject,
    /// The figures from which it follows.
    pub figures: Vec<Figure>,
    /// The same as a sentence, without the subject.
    pub message: String,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rule {
    /// More calls to a server fail than before.
    Errors,
    /// The slowest calls to a server take longer than before.
    SlowServer,
    /// A replica is further and further behind.
    GrowingLag,
    /// A logical shard has many times the load of the others.
    HotShard,
    /// A server will be full soon.
    Filling,
}

/// What an anomaly is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Subject {
    /// A server in all its roles.
    Server {
        /// The group, or the named database.
        group: String,
        /// The server.
        server: String,
    },
    /// A server in one role.
    Role {
        /// The group, or the named database.
        group: String,
        /// The server.
        server: String,
        /// `primary` or `replica`.
        role: &'static str,
    },
    /// A replica.
    Replica {
        /// The group, or the named database.
        group: String,
        /// The server.
        server: String,
        /// The position among the server's endpoints.
        endpoint: usize,
    },
    /// A logical shard.
    Shard {
        /// The group.
        group: String,
        /// Its number.
        shard: u32,
        /// Its server.
        server: String,
    },
}

/// A figure from which an anomaly follows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Figure {
    /// What it is of, such as `p99` or `p99_before`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The unit of the value: `seconds`, `calls`, `share`, `times`, `bytes`, `bytes_per_day`,
    /// `seconds_per_second` for the time in calls, or `seconds_since_1970`.
    pub unit: &'static str,
}

/// The thresholds of the rules. None of them holds on a fleet with little to do.
///
/// ```
/// use shard_orm::statistics::Rules;
///
/// let strict = Rules::new().hot_shard(3.0).slow_server(2.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Rules {
    hot_shard: f64,
    slow_server: f64,
    errors: f64,
    growing_lag: Duration,
    filling: Duration,
    least_calls: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hot_shard: 5.0,
            slow_server: 3.0,
            errors: 5.0,
            growing_lag: Duration::from_secs(10),
            filling: Duration::from_hours(30 * 24),
            least_calls: 200,
        }
    }
}

impl Rules {
    /// The rules with their default thresholds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many times the median load of its group a logical shard has to have; by default 5. Load is the time in
    /// calls within 5 minutes: at least a 50th of that time, and 5 times [`least_calls`](Self::least_calls). Groups
    /// with fewer than 4 logical shards have none.
    pub fn hot_shard(mut self, times: f64) -> Self {
        self.hot_shard = times;
        self
    }

    /// Sets how many times as long as [before](crate::statistics::Windows::earlier) the p99 of a server's last minute
    /// has to be; by default 3, and 5 ms longer.
    pub fn slow_server(mut self, times: f64) -> Self {
        self.slow_server = times;
        self
    }

    /// Sets how many times as large as [before](crate::statistics::Windows::earlier) the share of calls that fail has
    /// to be in the last minute; by default 5, and one of 50 calls, and 20 calls.
    pub fn errors(mut self, times: f64) -> Self {
        self.errors = times;
        self
    }

    /// Sets how far a replica has to be behind, and by how much more than 5 minutes ago; by default 10 s. It is not
    /// noted while the lag gets smaller.
    pub fn growing_lag(mut self, lag: Duration) -> Self {
        self.growing_lag = lag;
        self
    }

    /// Sets how soon a server has to be full by its [`Trend`]; by default within 30 days.
    pub fn filling(mut self, within: Duration) -> Self {
        self.filling = within;
        self
    }

    /// Sets how many calls the last minute of a server has to have, by default 200, and, five times as many, what it is
    /// compared with.
    pub fn least_calls(mut self, calls: u64) -> Self {
        self.least_calls = calls;
        self
    }
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 5] = [
        Self::Errors,
        Self::SlowServer,
        Self::GrowingLag,
        Self::HotShard,
        Self::Filling,
    ];

    /// The name, as in serialized data and in the label of the metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::SlowServer => "slow_server",
            Self::GrowingLag => "growing_lag",
            Self::HotShard => "hot_shard",
            Self::Filling => "filling",
        }
    }
}

impl Subject {
    /// The group, or the named database.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::Server { group, .. }
            | Self::Role { group, .. }
            | Self::Replica { group, .. }
            | Self::Shard { group, .. } => group,
        }
    }
}

impl Anomaly {
    /// What to do.
    #[must_use]
    pub fn advice(&self) -> String {
        let group = self.subject.group();
        match (self.rule, &self.subject) {
            (Rule::HotShard, Subject::Shard { shard, .. }) => format!(
                "divide it with `shard-orm reshard split --group {group} --shard {shard}`, or move others away with \
                 `shard-orm reshard rebalance --group {group} --by load`"
            ),
            (Rule::GrowingLag, _) => {
                "see `shard-orm status`, and what keeps the replica from applying the log".to_owned()
            }
            (Rule::Filling, _) => {
                format!("plan moves with `shard-orm reshard rebalance --group {group}`")
            }
            (Rule::Errors, _) => {
                "see the errors by kind in shard_orm_operation_errors_total, and the log of the server"
                    .to_owned()
            }
            _ => "see the slowest statements with `shard-orm stats`, and the log `shard_orm::slow`"
                .to_owned(),
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { group, server } => write!(f, "{group}/{server}"),
            Self::Role {
                group,
                server,
                role,
            } => write!(f, "{group}/{server} ({role})"),
            Self::Replica {
                group,
                server,
                endpoint,
            } => write!(f, "{group}/{server}, endpoint {endpoint}"),
            Self::Shard {
                group,
                shard,
                server,
            } => write!(f, "{group}, logical shard {shard} on {server}"),
        }
    }
}

impl Figure {
    fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
