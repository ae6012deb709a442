//! The rules.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::text::{bytes, duration, percent};
use super::{Anomaly, Figure, Rule, Rules, Subject, Trend};
use crate::cluster::{
    ReplicaLag, ServerSizes, ServerStatistics, ShardStatistics, Statistics, Window,
};

/// The fewest logical shards of a group that have a usual load.
const SHARDS: usize = 4;
/// The least share of the time that a hot logical shard is busy.
const BUSY: f64 = 0.02;
/// How much slower the slowest calls have to be, at least.
const SLOWER: Duration = Duration::from_millis(5);
/// The least share of calls that fail, and the fewest.
const FAIL: f64 = 0.02;
const FAILED: u64 = 20;
/// How much more calls there have to be in what the last minute is compared with, and to a hot logical shard.
const MORE: u64 = 5;
/// The shortest time over which a lag grows.
const LAG_OVER: Duration = Duration::from_mins(1);

impl Rules {
    /// What is unusual in the statistics of a process or of the fleet: by the rule, what is most unusual first.
    ///
    /// A pure function. [`find_filling`](Self::find_filling) needs sizes, which the statistics do not have.
    #[must_use]
    pub fn find(&self, statistics: &Statistics) -> Vec<Anomaly> {
        let mut found: Vec<(f64, Anomaly)> = Vec::new();
        for server in &statistics.servers {
            found.extend(self.slow_role(server));
            found.extend(self.failing_role(server));
        }
        found.extend(
            statistics
                .replicas
                .iter()
                .filter_map(|lag| self.lagging(lag)),
        );
        let mut groups: BTreeMap<&str, Vec<&ShardStatistics>> = BTreeMap::new();
        for shard in &statistics.shards {
            groups.entry(&shard.group).or_default().push(shard);
        }
        for shards in groups.values() {
            found.extend(self.hot_shards(shards));
        }
        found.sort_by(|(one, a), (other, b)| a.rule.cmp(&b.rule).then(other.total_cmp(one)));
        found.into_iter().map(|(_, anomaly)| anomaly).collect()
    }

    /// Whether a server will be full soon, by the trend of its size. A pure function.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use shard_orm::statistics::{Rules, Trend};
    ///
    /// let hour = |hour: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(hour);
    /// let trend = Trend::of(&[(hour(0), 1_000), (hour(1), 1_100), (hour(2), 1_200)]).unwrap();
    /// let anomaly = Rules::new().find_filling("shop", "a", &trend, 2_000).unwrap();
    /// assert!(anomaly.message.contains("8 hours"), "{anomaly}");
    /// ```
    #[must_use]
    pub fn find_filling(
        &self,
        group: &str,
        server: &str,
        trend: &Trend,
        capacity: u64,
    ) -> Option<Anomaly> {
        let full = trend.full_at(capacity)?;
        let left = full.duration_since(trend.until).unwrap_or_default();
        if left > self.filling {
            return None;
        }
        let hours = left.as_secs_f64() / 3_600.0;
        let when = match hours {
            hours if hours < 48.0 => format!("{hours:.0} hours"),
            hours => format!("{:.0} days", hours / 24.0),
        };
        #[allow(clippy::cast_precision_loss)] // For people.
        let most = capacity as f64;
        let message = format!(
            "it will be full in {when}: {} of {} by now, and {} more each day, measured over {}",
            bytes(trend.bytes),
            bytes(most),
            bytes(trend.bytes_per_day),
            duration(trend.over),
        );
        let since = full
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Some(Anomaly {
            rule: Rule::Filling,
            subject: Subject::Server {
                group: group.to_owned(),
                server: server.to_owned(),
            },
            figures: vec![
                Figure::new("full_at", since.as_secs_f64(), "seconds_since_1970"),
                Figure::new("bytes", trend.bytes, "bytes"),
                Figure::new("capacity", most, "bytes"),
                Figure::new("growth", trend.bytes_per_day, "bytes_per_day"),
                Figure::new("measured_over", trend.over.as_secs_f64(), "seconds"),
            ],
            message,
        })
    }

    /// The servers that will be full soon, by their sizes over time and their capacities in bytes: those that are full
    /// first come first. A pure function.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::statistics::Rules;
    ///
    /// let sizes = cluster.server_sizes().await?;
    /// for anomaly in Rules::new().find_all_filling(&sizes, |_, _| Some(500_000_000_000)) {
    ///     println!("{}: {anomaly}", anomaly.subject);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn find_all_filling(
        &self,
        sizes: &[ServerSizes],
        capacity: impl Fn(&str, &str) -> Option<u64>,
    ) -> Vec<Anomaly> {
        let found = sizes.iter().filter_map(|own| {
            let (group, server) = (&*own.group, &*own.server);
            let (trend, capacity) = (Trend::of(&own.samples)?, capacity(group, server)?);
            let anomaly = self.find_filling(group, server, &trend, capacity)?;
            Some((trend.full_at(capacity), anomaly))
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|(full, _)| *full);
        found.into_iter().map(|(_, anomaly)| anomaly).collect()
    }

    /// Whether there are enough calls in a server's last minute, and before, to compare them.
    fn compares(&self, now: &Window, before: &Window) -> bool {
        now.calls >= self.least_calls && before.calls >= self.least_calls.saturating_mul(MORE)
    }

    fn slow_role(&self, server: &ServerStatistics) -> Option<(f64, Anomaly)> {
        let (now, before) = (&server.windows.one, &server.windows.earlier);
        if !self.compares(now, before) {
            return None;
        }
        let (slow, usual) = (now.p99?, before.p99?);
        let times = slow.as_secs_f64() / usual.as_secs_f64().max(1e-6);
        if times < self.slow_server || slow.saturating_sub(usual) < SLOWER {
            return None;
        }
        let message = format!(
            "p99 was {} in the last minute, {times:.1} times the {} earlier in the last 15 min ({} and {} calls)",
            duration(slow),
            duration(usual),
            now.calls,
            before.calls,
        );
        let figures = vec![
            Figure::new("p99", slow.as_secs_f64(), "seconds"),
            Figure::new("p99_before", usual.as_secs_f64(), "seconds"),
            Figure::new("calls", float(now.calls), "calls"),
            Figure::new("calls_before", float(before.calls), "calls"),
        ];
        Some((times, of_role(Rule::SlowServer, server, figures, message)))
    }

    fn failing_role(&self, server: &ServerStatistics) -> Option<(f64, Anomaly)> {
        let (now, before) = (&server.windows.one, &server.windows.earlier);
        if !self.compares(now, before) {
            return None;
        }
        let (share, usual) = (share(now), share(before));
        if share < FAIL || now.errors < FAILED || share < self.errors * usual {
            return None;
        }
        let message = format!(
            "{} of the calls failed in the last minute, and {} earlier in the last 15 min ({} of {}, and {} of {})",
            percent(share),
            percent(usual),
            now.errors,
            now.calls,
            before.errors,
            before.calls,
        );
        let figures = vec![
            Figure::new("errors", share, "share"),
            Figure::new("errors_before", usual, "share"),
            Figure::new("calls", float(now.calls), "calls"),
            Figure::new("calls_before", float(before.calls), "calls"),
        ];
        let anomaly = of_role(Rule::Errors, server, figures, message);
        Some((share, anomaly))
    }

    fn lagging(&self, replica: &ReplicaLag) -> Option<(f64, Anomaly)> {
        let [minute, five, _] = replica.before;
        let grown = replica.lag.saturating_sub(five.lag);
        let is_growing = replica.lag >= minute.lag && minute.lag >= five.lag;
        if five.ago < LAG_OVER
            || !is_growing
            || replica.lag < self.growing_lag
            || grown < self.growing_lag
        {
            return None;
        }
        let message = format!(
            "it lags {}, and lagged {} {} ago",
            duration(replica.lag),
            duration(five.lag),
            duration(five.ago),
        );
        let figures = vec![
            Figure::new("lag", replica.lag.as_secs_f64(), "seconds"),
            Figure::new("lag_a_minute_ago", minute.lag.as_secs_f64(), "seconds"),
            Figure::new("lag_before", five.lag.as_secs_f64(), "seconds"),
            Figure::new("over", five.ago.as_secs_f64(), "seconds"),
        ];
        let anomaly = Anomaly {
            rule: Rule::GrowingLag,
            subject: Subject::Replica {
                group: replica.group.clone(),
                server: replica.server.clone(),
                endpoint: replica.endpoint,
            },
            figures,
            message,
        };
        Some((grown.as_secs_f64(), anomaly))
    }

    fn hot_shards(&self, shards: &[&ShardStatistics]) -> Vec<(f64, Anomaly)> {
        if shards.len() < SHARDS {
            return Vec::new();
        }
        let mut loads: Vec<f64> = shards.iter().map(|shard| load(shard)).collect();
        #[allow(clippy::cast_precision_loss)] // At most some thousand.
        let mean = loads.iter().sum::<f64>() / loads.len() as f64;
        loads.sort_unstable_by(f64::total_cmp);
        // Where most do nothing, the mean is what one would have if all had the same.
        let (usual, kind) = match loads[loads.len() / 2] {
            median if median > 0.0 => (median, "median"),
            _ => (mean, "mean"),
        };
        let hot = |shard: &&ShardStatistics| {
            let (load, calls) = (load(shard), shard.windows.five.calls);
            let times = load / usual;
            let is_hot = times >= self.hot_shard
                && load >= BUSY
                && calls >= self.least_calls.saturating_mul(MORE);
            let message = format!(
                "its calls took {} a second in the last 5 minutes, {times:.1} times the {kind} of {} of the {} logical \
                 shards of its group ({calls} calls)",
                duration(Duration::try_from_secs_f64(load).unwrap_or_default()),
                duration(Duration::try_from_secs_f64(usual).unwrap_or_default()),
                shards.len(),
            );
            let anomaly = Anomaly {
                rule: Rule::HotShard,
                subject: Subject::Shard {
                    group: shard.group.clone(),
                    shard: shard.shard,
                    server: shard.server.clone(),
                },
                figures: vec![
                    Figure::new("load", load, "seconds_per_second"),
                    Figure::new("load_usual", usual, "seconds_per_second"),
                    Figure::new("calls", float(calls), "calls"),
                ],
                message,
            };
            is_hot.then_some((times, anomaly))
        };
        shards.iter().filter_map(hot).collect()
    }
}

fn of_role(
    rule: Rule,
    server: &ServerStatistics,
    figures: Vec<Figure>,
    message: String,
) -> Anomaly {
    Anomaly {
        rule,
        subject: Subject::Role {
            group: server.group.clone(),
            server: server.server.clone(),
            role: server.role,
        },
        figures,
        message,
    }
}

/// The share of calls that failed.
fn share(window: &Window) -> f64 {
    float(window.errors) / float(window.calls.max(1))
}

/// The time in calls of a logical shard in a second of the last five minutes.
fn load(shard: &ShardStatistics) -> f64 {
    let window = &shard.windows.five;
    if window.over.is_zero() {
        return 0.0;
    }
    window.busy.as_secs_f64() / window.over.as_secs_f64()
}

/// Exact up to 2^53, which no counter reaches.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}
