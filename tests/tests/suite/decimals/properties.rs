//! Random decimals over many logical shards: merged results equal those of the values.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;

/// A decimal that `decimal(12, 2)` holds.
fn price() -> impl Strategy<Value = Decimal> {
    (-999_999_999_999_i64..=999_999_999_999).prop_map(|cents| Decimal::new(cents, 2))
}

behaviours! { (Payment), 16 shards on 2 servers, |options| options;
    async fn scattered_sums_and_orders_match_the_values(fixture: &Fixture) {
        let on = &fixture.cluster;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..8 {
            let values = prop::collection::vec(price(), 1..40).new_tree(&mut runner).unwrap().current();
            let keys: Vec<i64> = values.iter().map(|_| fixture.key()).collect();
            let rows = values.iter().zip(&keys).map(|(price, key)| Payment { price: *price, ..payment(fixture, *key, "0") }).collect();
            Payment::insert_many(on, rows).await.unwrap();
            let aggregates = (Payment::PRICE.sum(), Payment::PRICE.min(), Payment::PRICE.max());
            let (sum, least, most) = Payment::on_each(keys.clone()).aggregate(aggregates).one(on).await.unwrap();
            let mut sorted = values.clone();
            sorted.sort();
            assert_eq!(sum, Some(values.iter().sum()));
            assert_eq!((least, most), (sorted.first().copied(), sorted.last().copied()));
            let ordered = Payment::on_each(keys.clone()).order_by(Payment::PRICE.asc()).select(Payment::PRICE).all(on).await.unwrap();
            assert_eq!(ordered, sorted);
            let bound = values[0];
            let above = Payment::on_each(keys).filter(Payment::PRICE.gt(bound)).count(on).await.unwrap();
            assert_eq!(above, values.iter().filter(|value| **value > bound).count() as u64);
        }
    }
}
