//! Builds a group's router from its configured strategy and pins.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{Group, RegionShards, Report, StrategyConfig};
use crate::error::Result;
use crate::route::{
    DjangoRing, Hash, Modulo, Pins, Position, Range, Ranges, Region, Ring, Router, Strategy,
};
use crate::topology::template::Template;

/// The router of a group with a valid number of logical shards.
pub(super) fn router(
    path: &str,
    group: &Group,
    template: Option<&Template>,
    report: &mut Report,
) -> Option<Router> {
    let pins = pins(path, group, report);
    let at = format!("{path}.strategy");
    if report.has(&at) {
        return None;
    }
    let count = group.logical_shards;
    let strategy = match &group.strategy {
        StrategyConfig::Hash => made(&at, Hash::new(count), report),
        StrategyConfig::HashRanges { ranges } => {
            let at = format!("{at}.ranges");
            all_known(&at, count, ranges, report)?;
            made(&at, Hash::with_ranges(count, ranges.clone()), report)
        }
        StrategyConfig::Modulo => made(&at, Modulo::new(count), report),
        StrategyConfig::Range { bounds } => made(
            &format!("{at}.bounds"),
            Range::new(bounds.iter().copied()),
            report,
        ),
        StrategyConfig::KeyRanges { ranges } => {
            let at = format!("{at}.ranges");
            all_known(&at, count, ranges, report)?;
            made(&at, Range::with_ranges(count, ranges.clone()), report)
        }
        StrategyConfig::Ring {
            virtual_nodes,
            weights: None,
        } => made(&at, Ring::new(count, *virtual_nodes), report),
        StrategyConfig::Ring {
            virtual_nodes,
            weights: Some(weights),
        } => {
            let at = format!("{at}.weights");
            if weights.len() != count as usize {
                report.add(
                    &at,
                    format!(
                        "there are {} weights for {count} logical shards; give one for each",
                        weights.len()
                    ),
                );
                return None;
            }
            let nodes = (0..).zip(weights.iter().copied());
            made(&at, Ring::of_nodes(nodes, *virtual_nodes), report)
        }
        StrategyConfig::DjangoRing { virtual_nodes } => {
            let names = (0..count).map(|shard| template.map(|template| template.name(shard)));
            let names: Option<Vec<String>> = names.collect();
            made(&at, DjangoRing::new(names?, *virtual_nodes), report)
        }
        StrategyConfig::Region { regions, default } => {
            region(&at, count, regions, default.as_deref(), report)
        }
        StrategyConfig::RegionRanges { regions, default } => {
            region_ranges(&at, count, regions, default.as_deref(), report)
        }
        StrategyConfig::Custom(strategy) => Some(Arc::clone(strategy)),
    }?;
    if strategy.logical_shards() != count {
        report.add(
            &at,
            format!(
                "the strategy `{}` routes to {} logical shards, but `logical_shards` is {count}; \
                 make them equal",
                strategy.name(),
                strategy.logical_shards()
            ),
        );
        return None;
    }
    match Router::new(strategy).with_pins(pins?) {
        Ok(router) => Some(router),
        Err(error) => {
            report.add_error(format!("{path}.pins"), &error);
            None
        }
    }
}

/// The pins, unless a problem was reported.
fn pins(path: &str, group: &Group, report: &mut Report) -> Option<Pins> {
    let mut all_right = true;
    for (key, shard) in &group.pins {
        if *shard >= group.logical_shards {
            all_right = false;
            report.add(
                format!("{path}.pins.{key}"),
                format!(
                    "key {key} is pinned to shard {shard}, which exceeds the last logical shard, \
                     {}",
                    group.logical_shards - 1
                ),
            );
        }
    }
    match Pins::new(group.pins.iter().copied()) {
        Ok(pins) => Some(pins).filter(|_| all_right),
        Err(error) => {
            report.add_error(format!("{path}.pins"), &error);
            None
        }
    }
}

fn region(
    at: &str,
    count: u32,
    regions: &[(String, Vec<std::ops::Range<u32>>)],
    default: Option<&str>,
    report: &mut Report,
) -> Option<Arc<dyn Strategy>> {
    let right =
        |(name, runs): &(String, Vec<_>)| all_within(&region_path(at, name), count, runs, report);
    if !regions
        .iter()
        .map(right)
        .fold(true, |all, right| all & right)
    {
        return None;
    }
    let entries = regions
        .iter()
        .map(|(name, runs)| (name.as_str(), runs.iter().cloned().flatten()));
    with_default(at, Region::new(entries), default, report)
}

fn region_ranges(
    at: &str,
    count: u32,
    regions: &[(String, RegionShards)],
    default: Option<&str>,
    report: &mut Report,
) -> Option<Arc<dyn Strategy>> {
    let mut all = Some(Vec::new());
    for (name, shards) in regions {
        let path = region_path(at, name);
        let ranges = match shards {
            RegionShards::Even(runs) => {
                let runs = all_within(&path, count, runs, report).then_some(runs);
                runs.and_then(|runs| even(&path, runs, report))
            }
            RegionShards::Ranges(ranges) => {
                all_known(&path, count, ranges, report).map(|()| ranges.clone())
            }
        };
        match (ranges, &mut all) {
            (Some(ranges), Some(all)) => all.push((name.as_str(), ranges)),
            _ => all = None,
        }
    }
    with_default(at, Region::with_ranges(count, all?), default, report)
}

fn region_path(at: &str, name: &str) -> String {
    format!("{at}.regions.{name}")
}

fn with_default(
    at: &str,
    region: Result<Region>,
    default: Option<&str>,
    report: &mut Report,
) -> Option<Arc<dyn Strategy>> {
    match (region, default) {
        (Ok(region), Some(default)) => made(
            &format!("{at}.default"),
            region.with_default(default),
            report,
        ),
        (region, _) => made(&format!("{at}.regions"), region, report),
    }
}

/// The even ranges of runs of logical shards, each of which is listed once.
fn even(path: &str, runs: &[std::ops::Range<u32>], report: &mut Report) -> Option<Ranges<u64>> {
    let mut shards: Vec<u32> = runs.iter().cloned().flatten().collect();
    shards.sort_unstable();
    if let Some(pair) = shards.windows(2).find(|pair| pair[0] == pair[1]) {
        report.add(
            path,
            format!("shard {} is listed twice; list it once", pair[0]),
        );
        return None;
    }
    match Ranges::even(shards) {
        Ok(ranges) => Some(ranges),
        Err(_) => {
            report.add(path, "the region has no shards; give it at least one");
            None
        }
    }
}

/// Reports runs without a shard, and shards that do not exist.
///
/// Called before the runs are expanded: one could have billions of shards.
fn all_within(path: &str, count: u32, runs: &[std::ops::Range<u32>], report: &mut Report) -> bool {
    let mut all_right = true;
    for run in runs.iter().filter(|run| run.end > count || run.is_empty()) {
        all_right = false;
        let what = if run.is_empty() {
            "is empty".to_owned()
        } else {
            format!("exceeds the last logical shard, {}", count - 1)
        };
        report.add(path, format!("the run {run:?} {what}"));
    }
    all_right
}

/// Reports each shard of explicit ranges that does not exist.
fn all_known<T: Position>(
    at: &str,
    count: u32,
    ranges: &Ranges<T>,
    report: &mut Report,
) -> Option<()> {
    let mut unknown = BTreeSet::new();
    for (first, shard) in ranges.starts() {
        if shard >= count && unknown.insert(shard) {
            report.add(
                format!("{at}.{}", first.notation()),
                format!(
                    "the range belongs to shard {shard}, which exceeds the last logical shard, {}",
                    count - 1
                ),
            );
        }
    }
    unknown.is_empty().then_some(())
}

fn made<S: Strategy>(
    at: &str,
    strategy: Result<S>,
    report: &mut Report,
) -> Option<Arc<dyn Strategy>> {
    match strategy {
        Ok(strategy) => Some(Arc::new(strategy)),
        Err(error) => {
            report.add_error(at, &error);
            None
        }
    }
}
