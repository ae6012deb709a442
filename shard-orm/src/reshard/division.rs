//! How the keys of a logical shard are divided: at given positions, by shares of rows, or one key by itself.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sea_query::{Alias, Expr, Query};

use super::place::Place;
use super::rows::MovedTable;
use crate::backend::{Field as _, Row, integer_of};
use crate::error::{Error, Result};
use crate::replicate::{selected, values};
use crate::route::{OwnedKeys, Position, mix64};

/// How the keys of a logical shard are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Division {
    /// At these positions, in the notation of configuration files: each is the first one of a part.
    At(Vec<String>),
    /// Into parts of about equally many rows.
    Shares,
    /// One key is a part of its own; the other part is the rest.
    Key(i64),
}

impl Division {
    /// The keys of each part, of which there are so many.
    ///
    /// # Errors
    /// `Configuration` if a position is none, or not within the keys; `Unsupported` if there are too few keys.
    pub(super) async fn divide(
        &self,
        keys: &OwnedKeys,
        parts: usize,
        place: &mut Place,
        tables: &[(MovedTable, Option<usize>)],
    ) -> Result<Vec<OwnedKeys>> {
        let rows = match self {
            Self::Shares => rows_by_key(place, tables).await?,
            Self::At(_) | Self::Key(_) => BTreeMap::new(),
        };
        match keys {
            OwnedKeys::Hashes { region, ranges } => {
                let position = |key: i64| mix64(key.cast_unsigned());
                let divided = self.ranges(ranges, parts, &rows, position)?;
                let keys = |ranges| OwnedKeys::Hashes {
                    region: region.clone(),
                    ranges,
                };
                Ok(divided.into_iter().map(keys).collect())
            }
            OwnedKeys::Keys(ranges) => {
                let divided = self.ranges(ranges, parts, &rows, |key| key)?;
                Ok(divided.into_iter().map(OwnedKeys::Keys).collect())
            }
            OwnedKeys::Fixed => Err(Error::unsupported(
                "the strategy of the group has no ranges: logical shards are split under `hash`, `range` and `region`",
            )),
        }
    }

    fn ranges<T: Position>(
        &self,
        ranges: &[RangeInclusive<T>],
        parts: usize,
        rows: &BTreeMap<i64, u64>,
        position: impl Fn(i64) -> T,
    ) -> Result<Vec<Box<[RangeInclusive<T>]>>> {
        let starts = match self {
            Self::At(positions) => {
                let parse = |text: &String| {
                    let found = T::parse(text);
                    found.ok_or_else(|| {
                        Error::configuration(format!("`{text}` is not {}", T::NOTATION))
                    })
                };
                positions.iter().map(parse).collect::<Result<Vec<T>>>()?
            }
            Self::Shares => {
                let rows = rows.iter().map(|(key, rows)| (position(*key), *rows));
                shares(ranges, parts, rows.collect())?
            }
            Self::Key(key) => {
                let only = position(*key);
                let rest = without(ranges, only);
                if rest.is_empty() {
                    return Err(Error::unsupported(format!(
                        "the logical shard owns no other key than {key}; move it instead"
                    )));
                }
                return Ok(vec![rest.into(), [only..=only].into()]);
            }
        };
        cut(ranges, &starts)
    }
}

/// The ranges, cut at positions.
fn cut<T: Position>(
    ranges: &[RangeInclusive<T>],
    starts: &[T],
) -> Result<Vec<Box<[RangeInclusive<T>]>>> {
    let mut parts: Vec<Vec<RangeInclusive<T>>> = Vec::new();
    let mut firsts: Vec<Option<T>> = vec![None];
    firsts.extend(starts.iter().copied().map(Some));
    for (number, first) in firsts.iter().enumerate() {
        let next = firsts.get(number + 1).copied().flatten();
        if let (Some(first), Some(next)) = (first, next)
            && *first >= next
        {
            return Err(Error::configuration(format!(
                "the position {} is not above {}; give them in their order",
                next.notation(),
                first.notation()
            )));
        }
        let mut part = Vec::new();
        for range in ranges {
            let start = first.map_or(*range.start(), |first| first.max(*range.start()));
            let end = match next {
                Some(next) if next <= *range.start() => continue,
                Some(next) => next.before().min(*range.end()),
                None => *range.end(),
            };
            if start <= end {
                part.push(start..=end);
            }
        }
        if part.is_empty() {
            let at = first.or(next).map_or_else(String::new, Position::notation);
            return Err(Error::configuration(format!(
                "a part would own no key: use positions within the ranges of the logical shard, above their lowest \
                 (at {at})"
            )));
        }
        parts.push(part);
    }
    Ok(parts.into_iter().map(Into::into).collect())
}

/// The ranges without a position.
fn without<T: Position>(ranges: &[RangeInclusive<T>], only: T) -> Vec<RangeInclusive<T>> {
    let mut rest = Vec::new();
    for range in ranges {
        if !range.contains(&only) {
            rest.push(range.clone());
            continue;
        }
        if *range.start() < only {
            rest.push(*range.start()..=only.before());
        }
        if only < *range.end() {
            rest.push(only.after()..=*range.end());
        }
    }
    rest
}

/// The first positions of all parts but the first one, so that each has about as many rows; of a logical shard
/// without rows, so that each has about as many positions.
fn shares<T: Position>(
    ranges: &[RangeInclusive<T>],
    parts: usize,
    mut rows: Vec<(T, u64)>,
) -> Result<Vec<T>> {
    if rows.is_empty() {
        return Ok(widths(ranges, parts));
    }
    rows.sort_unstable_by_key(|(position, _)| *position);
    if rows.len() < parts {
        return Err(Error::unsupported(format!(
            "its rows have {} different keys, which cannot be divided among {parts} logical shards; the rows of one \
             key stay together",
            rows.len()
        )));
    }
    let total: u128 = rows.iter().map(|(_, rows)| u128::from(*rows)).sum();
    let (mut starts, mut before) = (Vec::new(), 0_u128);
    for (at, (position, own)) in rows.iter().enumerate() {
        let number = starts.len() + 1;
        if number == parts {
            break;
        }
        // As many keys are left as parts still need one.
        let is_last_chance = rows.len() - at == parts - number;
        let middle = before * 2 + u128::from(*own);
        let is_due = middle * parts as u128 >= 2 * total * number as u128;
        if at > 0 && (is_due || is_last_chance) {
            starts.push(*position);
        }
        before += u128::from(*own);
    }
    Ok(starts)
}

/// The first positions of all parts but the first one, so that each has about as many positions.
fn widths<T: Position>(ranges: &[RangeInclusive<T>], parts: usize) -> Vec<T> {
    let width = |range: &RangeInclusive<T>| {
        u128::from(range.end().to_number() - range.start().to_number()) + 1
    };
    let total: u128 = ranges.iter().map(width).sum();
    let starts = (1..parts as u128).filter_map(|number| {
        let mut left = total * number / parts as u128;
        for range in ranges {
            if left < width(range) {
                let at = u128::from(range.start().to_number()) + left;
                return Some(T::from_number(u64::try_from(at).ok()?));
            }
            left -= width(range);
        }
        None
    });
    starts.collect()
}

/// The number of rows of each key, over all tables that have one.
async fn rows_by_key(
    place: &mut Place,
    tables: &[(MovedTable, Option<usize>)],
) -> Result<BTreeMap<i64, u64>> {
    let mut found: BTreeMap<i64, u64> = BTreeMap::new();
    for (table, ordinal) in tables {
        let Some(ordinal) = *ordinal else {
            continue;
        };
        let mut select = Query::select();
        select
            .exprs(selected(
                &table.def,
                std::iter::once(ordinal),
                place.dialect(),
            ))
            .expr(Expr::cust("COUNT(*)"))
            .from(Alias::new(&table.name))
            .add_group_by([Expr::col(Alias::new(&table.def.columns[ordinal].name))]);
        let on_row = &mut |row: &Row<'_>| {
            let key = values(&table.def, &[ordinal], row, 0)?;
            // Rows without a key are refused later, with their primary keys.
            if let Some(key) = key.first().and_then(integer_of) {
                *found.entry(key).or_default() += i64::read(row, 1)?.unsigned_abs();
            }
            Ok(())
        };
        place.ask(&select, on_row).await?;
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owners(parts: &[Box<[RangeInclusive<i64>]>], position: i64) -> Vec<usize> {
        let owned = parts.iter().enumerate();
        let owned = owned.filter(|(_, part)| part.iter().any(|range| range.contains(&position)));
        owned.map(|(number, _)| number).collect()
    }

    #[test]
    fn ranges_are_cut_at_positions() {
        let ranges = [0_i64..=9, 20..=29];
        let parts = cut(&ranges, &[5, 25]).unwrap();
        let parts: Vec<Vec<_>> = parts.into_iter().map(Vec::from).collect();
        assert_eq!(parts, [vec![0..=4], vec![5..=9, 20..=24], vec![25..=29]]);
        for starts in [vec![0], vec![30], vec![5, 5], vec![8, 2], vec![10, 20]] {
            assert!(cut(&ranges, &starts).is_err(), "{starts:?}");
        }
    }

    #[test]
    fn one_position_is_cut_out() {
        assert_eq!(without(&[0_i64..=9], 0), [1..=9]);
        assert_eq!(without(&[0_i64..=9], 4), [0..=3, 5..=9]);
        assert_eq!(
            without(&[i64::MIN..=i64::MAX], i64::MAX),
            [i64::MIN..=i64::MAX - 1]
        );
        assert_eq!(without(&[3_i64..=3, 7..=8], 3), [7..=8]);
    }

    #[test]
    fn the_widths_of_all_hashes_are_equal() {
        assert_eq!(widths(&[0..=u64::MAX], 4), [1 << 62, 2 << 62, 3 << 62]);
        assert_eq!(widths(&[i64::MIN..=i64::MAX], 2), [0]);
    }

    proptest! {
        #[test]
        fn each_key_has_one_part_and_the_shares_are_close(
            rows in prop::collection::btree_map(-50_i64..50, 1_u64..100, 2..60),
            parts in 2_usize..6,
        ) {
            prop_assume!(rows.len() >= parts);
            let all = [i64::MIN..=i64::MAX];
            let largest = rows.values().copied().max().unwrap_or_default();
            let total: u64 = rows.values().sum();
            let starts = shares(&all, parts, rows.clone().into_iter().collect()).unwrap();
            prop_assert_eq!(starts.len(), parts - 1);
            let divided = cut(&all, &starts).unwrap();
            let mut sums = vec![0; parts];
            for (key, rows) in &rows {
                let own = owners(&divided, *key);
                prop_assert_eq!(own.len(), 1);
                sums[own[0]] += rows;
            }
            // No part is empty, and none is larger than its share by more than two keys.
            let share = total.div_ceil(parts as u64);
            for sum in sums {
                prop_assert!(sum > 0 && sum <= share + 2 * largest, "{} of {}", sum, share);
            }
        }
    }
}
