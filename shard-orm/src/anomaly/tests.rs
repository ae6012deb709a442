//! The rules find what is unusual, say from what it follows, and find nothing where little happens.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::cluster::{
    LagBefore, ReplicaLag, ServerStatistics, ShardStatistics, Statistics, Window, Windows,
};

const GROUP: &str = "shop";

fn window(seconds: u64, calls: u64, errors: u64, busy: u64, p99: u64) -> Window {
    Window {
        over: Duration::from_secs(seconds),
        calls,
        errors,
        rows: calls,
        busy: Duration::from_millis(busy),
        p50: Some(Duration::from_micros(p99 / 2)),
        p99: Some(Duration::from_micros(p99)),
    }
}

fn windows(one: Window, five: Window, earlier: Window) -> Windows {
    Windows {
        one,
        fifteen: five.clone(),
        five,
        total: earlier.clone(),
        earlier,
    }
}

fn statistics(
    servers: Vec<ServerStatistics>,
    shards: Vec<ShardStatistics>,
    replicas: Vec<ReplicaLag>,
) -> Statistics {
    Statistics {
        over: Duration::from_hours(1),
        servers,
        groups: Vec::new(),
        incidents: Vec::new(),
        replicas,
        shards,
        tables: Vec::new(),
        statements: Vec::new(),
    }
}

fn server(one: Window, earlier: Window) -> ServerStatistics {
    ServerStatistics {
        group: GROUP.to_owned(),
        server: "a".to_owned(),
        role: "primary",
        windows: windows(one, Window::default(), earlier),
        verbs: Vec::new(),
        pools: Vec::new(),
    }
}

fn shard(number: u32, calls: u64, busy: u64) -> ShardStatistics {
    ShardStatistics {
        group: GROUP.to_owned(),
        shard: number,
        server: "a".to_owned(),
        windows: windows(
            Window::default(),
            window(300, calls, 0, busy, 0),
            Window::default(),
        ),
    }
}

/// A replica that lags so many seconds now, and did a minute, 5 minutes and 15 minutes ago.
fn replica(lag: u64, before: [u64; 3]) -> ReplicaLag {
    let before = [(60, before[0]), (300, before[1]), (900, before[2])];
    ReplicaLag {
        group: GROUP.to_owned(),
        server: "a".to_owned(),
        endpoint: 1,
        lag: Duration::from_secs(lag),
        before: before.map(|(ago, lag)| LagBefore {
            ago: Duration::from_secs(ago),
            lag: Duration::from_secs(lag),
        }),
    }
}

fn rules_of(statistics: &Statistics) -> Vec<Rule> {
    let found = Rules::new().find(statistics);
    found.iter().map(|anomaly| anomaly.rule).collect()
}

/// The rules for a server with these last minute and earlier windows.
fn of_server(one: Window, earlier: Window) -> Vec<Rule> {
    rules_of(&statistics(
        vec![server(one, earlier)],
        Vec::new(),
        Vec::new(),
    ))
}

#[test]
fn a_logical_shard_with_many_times_the_median_load_is_hot() {
    let mut shards: Vec<_> = (0..16)
        .map(|number| shard(number, 10_000, 10_000))
        .collect();
    assert_eq!(
        rules_of(&statistics(Vec::new(), shards.clone(), Vec::new())),
        []
    );
    shards[3] = shard(3, 60_000, 60_000);
    shards[5] = shard(5, 90_000, 90_000);
    let found = Rules::new().find(&statistics(Vec::new(), shards, Vec::new()));
    let subjects: Vec<String> = found.iter().map(|one| one.subject.to_string()).collect();
    assert_eq!(
        subjects,
        ["shop, logical shard 5 on a", "shop, logical shard 3 on a"]
    );
    assert_eq!(
        found[0].to_string(),
        "its calls took 300.0 ms a second in the last 5 minutes, 9.0 times the median of 33.3 ms of the 16 logical \
         shards of its group (90000 calls)"
    );
    assert!(
        found[0]
            .advice()
            .contains("reshard split --group shop --shard 5")
    );
    let values: Vec<f64> = found[0].figures.iter().map(|figure| figure.value).collect();
    assert_eq!(values, [0.3, 10.0 / 300.0, 90_000.0]);
}

#[test]
fn all_load_on_one_of_many_logical_shards_is_hot() {
    let shards = |number: u32| {
        let all = (0..number).map(|own| {
            if own == 0 {
                shard(0, 9_000, 9_000)
            } else {
                shard(own, 0, 0)
            }
        });
        rules_of(&statistics(Vec::new(), all.collect(), Vec::new()))
    };
    assert_eq!(shards(8), [Rule::HotShard]);
    // A fourth of a group's keys may well have all the load.
    assert_eq!(shards(4), []);
    assert_eq!(shards(1), []);
}

#[test]
fn a_server_is_slow_by_its_own_baseline() {
    let before = window(450, 10_000, 0, 10_000, 12_000);
    assert_eq!(
        of_server(window(60, 1_000, 0, 1_000, 80_000), before.clone()),
        [Rule::SlowServer]
    );
    assert_eq!(
        of_server(window(60, 1_000, 0, 1_000, 30_000), before.clone()),
        []
    );
    // As slow as it always is.
    let slow = window(450, 10_000, 0, 10_000, 80_000);
    assert_eq!(of_server(window(60, 1_000, 0, 1_000, 90_000), slow), []);
    // Microseconds are noise.
    let fast = window(450, 10_000, 0, 10_000, 200);
    assert_eq!(of_server(window(60, 1_000, 0, 1_000, 4_000), fast), []);
    // A process that has just begun has no baseline.
    assert_eq!(
        of_server(window(60, 1_000, 0, 1_000, 80_000), Window::default()),
        []
    );
}

#[test]
fn errors_are_a_step_from_what_was_usual() {
    let before = window(450, 10_000, 20, 10_000, 1_000);
    assert_eq!(
        of_server(window(60, 1_000, 50, 1_000, 1_000), before.clone()),
        [Rule::Errors]
    );
    assert_eq!(of_server(window(60, 1_000, 19, 1_000, 1_000), before), []);
    let failing = window(450, 10_000, 1_000, 10_000, 1_000);
    assert_eq!(of_server(window(60, 1_000, 200, 1_000, 1_000), failing), []);
}

#[test]
fn a_lag_that_grows_is_found_and_one_that_shrinks_is_not() {
    let of = |lag, before| {
        rules_of(&statistics(
            Vec::new(),
            Vec::new(),
            vec![replica(lag, before)],
        ))
    };
    assert_eq!(of(75, [45, 5, 0]), [Rule::GrowingLag]);
    assert_eq!(of(40, [45, 5, 0]), []);
    assert_eq!(of(75, [75, 75, 75]), []);
    assert_eq!(of(9, [5, 0, 0]), []);
    let mut new = replica(75, [45, 5, 0]);
    new.before[1].ago = Duration::from_secs(30);
    assert_eq!(rules_of(&statistics(Vec::new(), Vec::new(), vec![new])), []);
}

#[test]
fn a_server_is_filling_by_the_line_through_its_sizes() {
    let at = |hours: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(hours);
    // 24 GB a day, with noise that cancels.
    let samples: Vec<_> = (0..=24_u64)
        .map(|hour| {
            (
                at(hour),
                (100 + hour) * 1_000_000_000 + (hour % 2) * 1_000_000,
            )
        })
        .collect();
    let trend = Trend::of(&samples).unwrap();
    let find =
        |capacity: u64| Rules::new().find_filling(GROUP, "a", &trend, capacity * 1_000_000_000);
    let soon = find(196).unwrap();
    assert_eq!(
        soon.message,
        "it will be full in 3 days: 124.0 GB of 196.0 GB by now, and 24.0 GB more each day, measured over 24 h"
    );
    assert!(find(10_000).is_none());
    assert!(find(1).unwrap().message.contains("in 0 hours"));
    for too_few in [&samples[..2], &samples[3..4], &[][..]] {
        assert_eq!(Trend::of(too_few), None);
    }
    let shrinking: Vec<_> = (0..9_u64).map(|hour| (at(hour), 1_000 - hour)).collect();
    assert_eq!(Trend::of(&shrinking).unwrap().full_at(2_000), None);
    let at_once = [(at(0), 1), (at(0), 2), (at(0), 3)];
    assert_eq!(Trend::of(&at_once), None);
}

fn any_window(calls: std::ops::Range<u64>) -> impl Strategy<Value = Window> {
    (
        0..2_000_u64,
        calls,
        0..1_000_000_u64,
        0..10_000_000_u64,
        0..100_000_000_u64,
    )
        .prop_map(|(seconds, calls, errors, busy, p99)| {
            window(seconds, calls, errors.min(calls), busy, p99)
        })
}

fn any_statistics(calls: std::ops::Range<u64>, lag: u64) -> impl Strategy<Value = Statistics> {
    let all = || {
        (
            any_window(calls.clone()),
            any_window(calls.clone()),
            any_window(calls.clone()),
        )
    };
    let servers = prop::collection::vec(all(), 0..4);
    let shards = prop::collection::vec(all(), 0..12);
    let replicas = prop::collection::vec((0..lag, [0..lag, 0..lag, 0..lag]), 0..4);
    (servers, shards, replicas).prop_map(|(servers, shards, replicas)| {
        let servers = servers
            .into_iter()
            .map(|(one, _, earlier)| server(one, earlier));
        let shards = shards
            .into_iter()
            .zip(0..)
            .map(|((one, five, earlier), number)| ShardStatistics {
                windows: windows(one, five, earlier),
                ..shard(number, 0, 0)
            });
        let replicas = replicas
            .into_iter()
            .map(|(lag, before)| replica(lag, before));
        statistics(servers.collect(), shards.collect(), replicas.collect())
    })
}

proptest! {
    #[test]
    fn a_quiet_fleet_has_no_anomalies(statistics in any_statistics(0..200, 10)) {
        prop_assert_eq!(Rules::new().find(&statistics), []);
    }

    #[test]
    fn each_anomaly_follows_from_its_figures(statistics in any_statistics(0..1_000_000, 1_000)) {
        for anomaly in Rules::new().find(&statistics) {
            let figure = |name: &str| {
                anomaly.figures.iter().find(|figure| figure.name == name).unwrap().value
            };
            match anomaly.rule {
                Rule::Errors => prop_assert!(figure("errors") >= 5.0 * figure("errors_before")),
                Rule::SlowServer => prop_assert!(figure("p99") >= 2.9 * figure("p99_before")),
                Rule::GrowingLag => prop_assert!(figure("lag") - figure("lag_before") >= 10.0),
                Rule::HotShard => prop_assert!(figure("load") >= 4.9 * figure("load_usual")),
                Rule::Filling => prop_assert!(false, "there are no sizes"),
            }
            prop_assert!(anomaly.figures.iter().all(|figure| figure.value.is_finite()));
        }
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_order(statistics in any_statistics(0..1_000_000, 1_000)) {
        let mut turned = statistics.clone();
        turned.shards.reverse();
        turned.servers.reverse();
        turned.replicas.reverse();
        let sorted = |statistics: &Statistics| {
            let mut found: Vec<_> = Rules::new().find(statistics).into_iter().map(|one| one.message).collect();
            found.sort();
            found
        };
        prop_assert_eq!(sorted(&statistics), sorted(&turned));
    }

    #[test]
    fn equal_loads_are_never_hot(load in 0..1_000_000_u64, calls in 0..1_000_000_u64, number in 0..64_u32) {
        let shards = (0..number).map(|number| shard(number, calls, load + u64::from(number % 3) * load));
        prop_assert_eq!(rules_of(&statistics(Vec::new(), shards.collect(), Vec::new())), []);
    }
}
