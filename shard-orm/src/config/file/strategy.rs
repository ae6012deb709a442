//! The strategy of a group in a configuration file.

use std::collections::BTreeMap;

use super::scalar::{one_of, runs};
use super::table::{Table, Value};
use crate::config::{RegionShards, StrategyConfig};
use crate::route::{Position, Ranges, RangesError};

/// The default number of points on a ring per unit of weight.
const VIRTUAL_NODES: u32 = 512;

/// A strategy: its name, or a table with its `type`.
pub(super) fn strategy(value: &Value<'_>) -> Option<StrategyConfig> {
    if !value.is_table() {
        let names = [
            ("hash", Some(StrategyConfig::Hash)),
            ("modulo", Some(StrategyConfig::Modulo)),
            ("ring", Some(ring())),
            ("range", None),
            ("region", None),
        ];
        let chosen = one_of(value, &names)?;
        if chosen.is_none() {
            value.problem(
                "this strategy has parameters; write a table like { type = \"range\", bounds = \
                 [1000] } or { type = \"region\", regions = { eu = \"0..8\" } }",
            );
        }
        return chosen;
    }
    let mut table = value.table()?;
    let kind = table.get("type");
    let kind = table.require(kind, "type", "\"hash\"")?;
    let kinds = ["hash", "modulo", "range", "ring", "region"].map(|name| (name, name));
    let made = match one_of(&kind, &kinds)? {
        "modulo" => Some(StrategyConfig::Modulo),
        "range" => range_of(&mut table),
        "ring" => ring_of(&mut table),
        "region" => region_of(&mut table),
        _ => match table.get("ranges") {
            Some(value) => ranges(&value).map(|ranges| StrategyConfig::HashRanges { ranges }),
            None => Some(StrategyConfig::Hash),
        },
    };
    table.finish();
    made
}

fn range_of(table: &mut Table<'_>) -> Option<StrategyConfig> {
    let bounds = table.get("bounds");
    let explicit = table.get("ranges");
    let Some(explicit) = explicit else {
        let bounds = table.require(bounds, "bounds", "[1000, 2000]")?;
        return numbers(&bounds).map(|bounds| StrategyConfig::Range { bounds });
    };
    if bounds.is_some() {
        explicit.problem("both `bounds` and `ranges` are given; remove one of them");
        return None;
    }
    ranges(&explicit).map(|ranges| StrategyConfig::KeyRanges { ranges })
}

/// Explicit ranges: a table of the first position of each range and its logical shard.
fn ranges<T: Position>(value: &Value<'_>) -> Option<Ranges<T>> {
    let mut starts: BTreeMap<T, u32> = BTreeMap::new();
    let mut all_right = true;
    let mut unread = false;
    for (key, value) in value.table()?.members() {
        let shard = value.number();
        let Some(first) = T::parse(&key) else {
            unread = true;
            value.problem(format!("`{}` is not {}", key.escape_debug(), T::NOTATION));
            continue;
        };
        all_right &= shard.is_some();
        // An unreadable shard is reported; its range counts for the others.
        if starts.insert(first, shard.unwrap_or_default()).is_some() {
            all_right = false;
            let first = first.notation();
            value.problem(RangesError::Duplicate { first }.to_string());
        }
    }
    // An unreadable position could be the missing one.
    if unread {
        return None;
    }
    match Ranges::new(starts) {
        Ok(ranges) => Some(ranges).filter(|_| all_right),
        Err(error) => {
            value.problem(error.to_string());
            None
        }
    }
}

fn ring() -> StrategyConfig {
    StrategyConfig::Ring {
        virtual_nodes: VIRTUAL_NODES,
        weights: None,
    }
}

fn ring_of(table: &mut Table<'_>) -> Option<StrategyConfig> {
    let nodes = table.get("virtual_nodes");
    let weights = table.get("weights");
    let compatible = table.get("compatible");
    let virtual_nodes = match nodes {
        Some(value) => value.number()?,
        None => VIRTUAL_NODES,
    };
    let Some(compatible) = compatible else {
        let weights = match weights {
            Some(value) => Some(numbers(&value)?),
            None => None,
        };
        return Some(StrategyConfig::Ring {
            virtual_nodes,
            weights,
        });
    };
    one_of(&compatible, &[("django-shard-library", ())])?;
    if let Some(weights) = weights {
        weights.problem("the ring of that library has no weights; remove them");
        return None;
    }
    Some(StrategyConfig::DjangoRing { virtual_nodes })
}

fn region_of(table: &mut Table<'_>) -> Option<StrategyConfig> {
    let default = table.get("default");
    let regions = table.get("regions");
    let regions = table.require(regions, "regions", "{ eu = \"0..8\", us = \"8..16\" }");
    let default = match default {
        Some(value) => Some(value.text()?),
        None => None,
    };
    let mut explicit = false;
    let entries = regions?.table()?.members();
    let regions: Vec<_> = entries
        .into_iter()
        .map(|(name, value)| {
            if value.is_table() {
                explicit = true;
                return Some((name, RegionShards::Ranges(ranges(&value)?)));
            }
            Some((name, RegionShards::Even(runs(&value)?)))
        })
        .collect();
    let regions: Vec<_> = regions.into_iter().collect::<Option<_>>()?;
    if explicit {
        return Some(StrategyConfig::RegionRanges { regions, default });
    }
    let runs = |(name, shards)| match shards {
        RegionShards::Even(runs) => Some((name, runs)),
        RegionShards::Ranges(_) => None,
    };
    Some(StrategyConfig::Region {
        regions: regions.into_iter().filter_map(runs).collect(),
        default,
    })
}

fn numbers<T: TryFrom<i128>>(value: &Value<'_>) -> Option<Vec<T>> {
    let items: Vec<Option<T>> = value.list()?.iter().map(Value::number).collect();
    items.into_iter().collect()
}
