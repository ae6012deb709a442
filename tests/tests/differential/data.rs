//! The rows that queries run on: random, but equal in every run.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use shard_orm::Dialect;

use crate::cell::Cell;
use crate::sample::{Col, Sample};

/// Rows of one kind, which are loaded before many queries are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataSet {
    /// No row at all.
    Empty,
    /// Fewer rows than logical shards.
    Few,
    /// Rows that differ by nothing but their keys: everything is a tie.
    Ties,
    /// Rows of many keys, with all that the columns take.
    Many,
}

impl DataSet {
    pub(crate) const ALL: [Self; 4] = [Self::Empty, Self::Few, Self::Ties, Self::Many];

    pub(crate) fn rows(self, dialect: Dialect) -> Vec<Sample> {
        let seed = [self as u8 + 1; 32];
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Default::default(), rng);
        let mut random = |count| {
            let rows = proptest::collection::vec(row(dialect), count);
            rows.new_tree(&mut runner).unwrap().current()
        };
        let mut rows = match self {
            Self::Empty => Vec::new(),
            Self::Few => random(9),
            Self::Ties => {
                let one = random(1);
                (0..70)
                    .map(|number| {
                        let mut row = one[0].clone();
                        row[1] = Cell::Int(number % 20);
                        row
                    })
                    .collect()
            }
            Self::Many => random(240),
        };
        for (id, row) in (1..).zip(&mut rows) {
            row[0] = Cell::Int(id);
        }
        rows.iter().map(|row| Sample::of(row)).collect()
    }
}

/// A row, by columns.
fn row(dialect: Dialect) -> Vec<BoxedStrategy<Cell>> {
    let cell = |column: Col| {
        let value = column.values(dialect);
        if Col::NULLABLE.contains(&column) {
            prop_oneof![3 => value, 1 => Just(Cell::Null)].boxed()
        } else {
            value
        }
    };
    Col::ALL.into_iter().map(cell).collect()
}

const TEXTS: [&str; 14] = [
    "",
    "a",
    "A",
    "Z",
    "tea",
    "Tea",
    "t\u{e9}",
    "\u{e4}",
    "\u{1f600}",
    "\u{ffff}",
    "z z",
    "z ",
    "100%",
    "a_b\\",
];

/// Some values often, so that there are equal ones, and now and then any.
fn mostly(often: Vec<Cell>, any: impl Strategy<Value = Cell> + 'static) -> BoxedStrategy<Cell> {
    prop_oneof![7 => select(often), 1 => any].boxed()
}

fn integers(often: &[i64], any: impl Strategy<Value = i64> + 'static) -> BoxedStrategy<Cell> {
    let cell = |number: i64| Cell::Int(number.into());
    mostly(
        often.iter().copied().map(cell).collect(),
        any.prop_map(cell),
    )
}

fn floats(all: &[f64]) -> BoxedStrategy<Cell> {
    select(all.iter().copied().map(Cell::Float).collect::<Vec<_>>()).boxed()
}

fn texts() -> BoxedStrategy<Cell> {
    let letters = select(vec!['a', 'e', 'T', '%', '_', ' ', '\u{e9}', '\u{1f600}']);
    let any = proptest::collection::vec(letters, 0..6)
        .prop_map(|letters| Cell::Text(letters.into_iter().collect()));
    mostly(TEXTS.map(|text| Cell::Text(text.to_owned())).to_vec(), any)
}

impl Col {
    /// Values that its rows have, and that it is compared with; never NULL.
    pub(crate) fn values(self, dialect: Dialect) -> BoxedStrategy<Cell> {
        match self {
            Self::Id => integers(&[1, 20, 120, 240], 0_i64..260),
            Self::UserId => integers(&[-3, 0, 7, i64::MIN, i64::MAX], -30_i64..30),
            Self::Level => {
                let extremes = [i32::MAX.into(), i32::MIN.into()];
                integers(&[-3, -1, 0, 1, 2, 3, extremes[0], extremes[1]], -3_i64..4)
            }
            Self::Total => integers(&[0, 1, -1], -300_000_000_000_i64..700_000_000_000),
            Self::Big => integers(&[0, 1, i64::MAX, i64::MAX - 1, i64::MIN], any::<i64>()),
            Self::Name | Self::Note => texts(),
            Self::Kind => select(
                ["food", "drink"]
                    .map(|kind| Cell::Text(kind.to_owned()))
                    .to_vec(),
            )
            .boxed(),
            Self::Weight => floats(&[0.0, -0.0, 0.25, -7.5, 1_024.0, 3.0]),
            Self::Extreme => {
                let all = [0.0, -0.0, 1.0 / 3.0, f64::MAX, f64::MIN, 1e-300, -1e-300];
                match dialect {
                    Dialect::Postgres => {
                        floats(&[&all[..], &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]].concat())
                    }
                    // It takes NaN for NULL.
                    Dialect::Sqlite => {
                        floats(&[&all[..], &[f64::INFINITY, f64::NEG_INFINITY]].concat())
                    }
                    Dialect::MySql => floats(&all),
                }
            }
            Self::Ratio => floats(&[0.5, -2.25, 100.0, f64::from(0.1_f32)]),
            Self::Flag | Self::Seen => any::<bool>().prop_map(Cell::Bool).boxed(),
            // Before 1970, and with and without a fraction of a second.
            Self::At => select(
                [-1, 0, 1_000_000, 1_000_001, 1_700_000_000_000_000]
                    .map(Cell::Time)
                    .to_vec(),
            )
            .boxed(),
            Self::Data => {
                let bytes = [&[][..], &[0], &[0, 0], &[127], &[128], &[255, 1]];
                select(bytes.map(|bytes| Cell::Bytes(bytes.to_vec())).to_vec()).boxed()
            }
            Self::Price => {
                let prices = ["0.10", "99.995", "-3", "1000000000.000000001"];
                select(
                    prices
                        .map(|price| Cell::Decimal(price.parse().unwrap()))
                        .to_vec(),
                )
                .boxed()
            }
        }
    }
}
