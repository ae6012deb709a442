//! Random sales, equal in every run.

use chrono::DateTime;
use shard_orm::route::mix64;

use super::{Cents, Kind, Sale, sale};

/// Random numbers that are the same in each run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix64(self.0) % sides
    }

    fn number(&mut self, sides: u64) -> i64 {
        i64::try_from(self.roll(sides)).unwrap()
    }

    pub(super) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let sides = u64::try_from(all.len()).unwrap();
        all[usize::try_from(self.roll(sides)).unwrap()].clone()
    }
}

/// Rows with NULLs, duplicates, extremes and texts beyond ASCII, of many keys. Floats are such that their sums are
/// exact in any order, so that an order by one is the same everywhere.
pub(super) fn sales(dice: &mut Dice, count: i64) -> Vec<Sale> {
    let items = [
        "",
        "a",
        "A",
        "tea",
        "Tea",
        "t\u{e9}",
        "\u{1f600}",
        "\u{ffff}",
        "z ",
    ];
    (1..=count)
        .map(|id| Sale {
            item: dice.one_of(&items).to_owned(),
            note: (dice.roll(3) > 0).then(|| dice.one_of(&items).to_owned()),
            level: match dice.roll(12) {
                0..=2 => None,
                3 => Some(i32::MAX),
                4 => Some(i32::MIN),
                _ => Some(i32::try_from(dice.number(7)).unwrap() - 3),
            },
            cents: Cents(dice.number(1_000_000_000_000) - 300_000_000_000),
            kind: dice.one_of(&[Kind::Food, Kind::Drink]),
            weight: dice.one_of(&[0.0, -0.0, 0.25, -7.5, 1024.0, 3.0]),
            ratio: dice.one_of(&[None, Some(0.5), Some(-2.25), Some(100.0)]),
            price: dice
                .one_of(&[None, Some("0.10"), Some("99.995"), Some("-3")])
                .map(|price| price.parse().unwrap()),
            flag: dice.roll(2) == 0,
            seen: dice.one_of(&[None, Some(true), Some(true), Some(false)]),
            sold_at: DateTime::from_timestamp_micros(dice.number(4) * 1_000_001).unwrap(),
            data: vec![
                u8::try_from(dice.roll(3)).unwrap() * 127;
                usize::try_from(dice.roll(3)).unwrap()
            ],
            ..sale(id, dice.number(60) - 30)
        })
        .collect()
}
