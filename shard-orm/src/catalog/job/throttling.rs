//! Why a job copies rows slower than it could.

use std::fmt;

use toml::{Table, Value};

/// Why a job copies rows slower than it could, as its runner has noted it last. It holds while the job is copying.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// for job in cluster.reshard()?.jobs().await? {
///     if let Some(throttling) = job.throttling() {
///         println!("job {}: {throttling}", job.id);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Throttling {
    /// The reason.
    pub reason: ThrottleReason,
    /// The server to which the copy gives way, if one is known.
    pub server: Option<String>,
    /// The most rows that are copied in a second; 0 while the copy stands still.
    pub rows_per_second: u64,
    /// The figures from which it follows, in words.
    pub because: String,
}

/// A reason to copy slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ThrottleReason {
    /// An operator has set the most rows in a second.
    Limit,
    /// Short statements take longer while rows are copied.
    Latency,
    /// Many more statements run on a server than before the copy.
    Statements,
    /// A replica lags.
    ReplicaLag,
}

impl ThrottleReason {
    const ALL: [Self; 4] = [
        Self::Limit,
        Self::Latency,
        Self::Statements,
        Self::ReplicaLag,
    ];

    /// The name, as in serialized data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Latency => "latency",
            Self::Statements => "statements",
            Self::ReplicaLag => "replica_lag",
        }
    }
}

impl fmt::Display for ThrottleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Throttling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows_per_second {
            0 => write!(f, "stands still: {}", self.because),
            rows => write!(f, "at most {rows} rows/s: {}", self.because),
        }
    }
}

impl Throttling {
    pub(super) fn to_value(&self) -> Value {
        let mut table = Table::new();
        let rows = i64::try_from(self.rows_per_second).unwrap_or(i64::MAX);
        table.insert("reason".to_owned(), self.reason.name().into());
        if let Some(server) = &self.server {
            table.insert("server".to_owned(), server.clone().into());
        }
        table.insert("rows_per_second".to_owned(), rows.into());
        table.insert("because".to_owned(), self.because.clone().into());
        Value::Table(table)
    }

    /// `None` if a newer version of the library has written it.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let name = text("reason")?;
        let mut reasons = ThrottleReason::ALL.into_iter();
        let rows = value.get("rows_per_second").and_then(Value::as_integer)?;
        Some(Self {
            reason: reasons.find(|reason| reason.name() == name)?,
            server: text("server").map(str::to_owned),
            rows_per_second: u64::try_from(rows).ok()?,
            because: text("because")?.to_owned(),
        })
    }
}
