//! Builds a group's router from its configured strategy and pins.

use std::sync::Arc;

use crate::config::{Group, Report, StrategyConfig};
use crate::error::Result;
use crate::route::{DjangoRing, Hash, Modulo, Pins, Range, Region, Ring, Router, Strategy};
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
        StrategyConfig::Modulo => made(&at, Modulo::new(count), report),
        StrategyConfig::Range { bounds } => made(
            &format!("{at}.bounds"),
            Range::new(bounds.iter().copied()),
            report,
        ),
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
    let mut all_right = true;
    for (name, runs) in regions {
        // Checked before the runs are expanded: one could have billions of shards.
        for run in runs.iter().filter(|run| run.end > count || run.is_empty()) {
            all_right = false;
            let what = if run.is_empty() {
                "is empty".to_owned()
            } else {
                format!("exceeds the last logical shard, {}", count - 1)
            };
            report.add(
                format!("{at}.regions.{name}"),
                format!("the run {run:?} {what}"),
            );
        }
    }
    if !all_right {
        return None;
    }
    let entries = regions
        .iter()
        .map(|(name, runs)| (name.as_str(), runs.iter().cloned().flatten()));
    let region = match Region::new(entries) {
        Ok(region) => region,
        Err(error) => {
            report.add_error(format!("{at}.regions"), &error);
            return None;
        }
    };
    match default {
        None => Some(Arc::new(region)),
        Some(default) => made(
            &format!("{at}.default"),
            region.with_default(default),
            report,
        ),
    }
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
