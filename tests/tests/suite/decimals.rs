//! Decimals: exact on every database, or refused; with declared digits they behave alike everywhere.

mod properties;

use rust_decimal::Decimal;
use shard_orm::aggregate::{Number, count};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait};
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Filter, field::Digits};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
struct Euros(Decimal);

impl Number for Euros {
    type Sum = Decimal;
    type Mean = Decimal;
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "payments")]
#[shard(unique(user_id, fee), has_many(parts = "Part", by = "payment_id"))]
struct Payment {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(precision = 12, scale = 2, index)]
    price: Decimal,
    #[shard(decimal(12, 2))]
    paid: Option<Decimal>,
    #[shard(decimal(18, 4))]
    fee: Euros,
    #[shard(decimal(28, 10), default)]
    rate: Decimal,
    #[shard(precision = 5, default = dec("7"))]
    points: Decimal,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "parts")]
#[shard(belongs_to(payment = "Payment", by = "payment_id"))]
struct Part {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    payment_id: i64,
    #[shard(decimal(9, 3))]
    share: Decimal,
}

/// A decimal of any digits.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "amounts")]
struct Amount {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    amount: Decimal,
}

#[derive(Debug, PartialEq, ShardProjection)]
#[shard(model = Payment)]
struct Price {
    id: i64,
    price: Decimal,
    paid: Option<Decimal>,
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn payment(fixture: &Fixture, user_id: i64, price: &str) -> Payment {
    let id = fixture.id();
    Payment {
        id,
        user_id,
        price: dec(price),
        paid: None,
        fee: Euros(Decimal::new(id, 4)),
        rate: dec("0.0000000001"),
        points: dec("7"),
    }
}

/// Payments of these prices, of one key, in this order.
async fn priced(fixture: &Fixture, key: i64, prices: &[&str]) -> Vec<Payment> {
    let rows = prices
        .iter()
        .map(|price| payment(fixture, key, price))
        .collect();
    Payment::insert_many(&fixture.cluster, rows).await.unwrap()
}

fn prices(rows: &[Payment]) -> Vec<String> {
    rows.iter().map(|row| row.price.to_string()).collect()
}

const PRICES: [&str; 6] = ["9.99", "-10", "100.10", "11.77", "-0.01", "9999999999.99"];
const SORTED: [&str; 6] = [
    "-10.00",
    "-0.01",
    "9.99",
    "11.77",
    "100.10",
    "9999999999.99",
];

behaviours! { (Payment, Part, Amount);
    async fn decimals_round_trip_with_the_declared_scale(fixture: &Fixture) {
        let key = fixture.key();
        let row = Payment { paid: Some(dec("1.5")), points: dec("99999"), ..payment(fixture, key, "11.77") }.insert(&fixture.cluster).await.unwrap();
        let found = Payment::get(&fixture.cluster, key, row.id).await.unwrap();
        assert_eq!(found, row);
        let texts = [found.price, found.paid.unwrap(), found.rate, found.points].map(|decimal| decimal.to_string());
        assert_eq!(texts, ["11.77", "1.50", "0.0000000001", "99999"]);
        let none = priced(fixture, key, &["0"]).await;
        assert_eq!(none[0].reload(&fixture.cluster).await.unwrap(), none[0]);
        assert_eq!(Payment::PRICE.def().decimal, Some(Digits::new(12, 2)));
    }

    async fn decimals_beyond_the_declared_precision_are_refused(fixture: &Fixture) {
        let key = fixture.key();
        let on = &fixture.cluster;
        let row = payment(fixture, key, "1.00").insert(on).await.unwrap();
        for price in ["1.005", "10000000000", "-10000000000.00", "79228162514264337593543950335"] {
            let other = Payment { price: dec(price), ..payment(fixture, key, "1") };
            let same = Payment { price: dec(price), ..row.clone() };
            let refused = [
                other.clone().insert(on).await.map(drop),
                Payment::insert_many(on, vec![other.clone(), payment(fixture, key, "2")]).await.map(drop),
                same.update(on).await,
                same.update_only(on, Payment::PRICE).await,
                same.save(on).await,
                other.upsert(on, Payment::ID).await,
                other.clone().update_or_create(on, Payment::ID).await.map(drop),
                other.get_or_create(on, Payment::ID).await.map(drop),
                Payment::on(key).set(Payment::PRICE, dec(price)).update(on).await.map(drop),
                Payment::on(key).increment(Payment::PRICE, dec(price)).update(on).await.map(drop),
                Payment::on(key).filter(Payment::PRICE.lt(dec(price))).all(on).await.map(drop),
                Payment::on(key).filter(Payment::PRICE.is_in([dec(price)])).all(on).await.map(drop),
            ];
            for outcome in refused {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Check, "{error}");
                assert!(error.to_string().contains("`price` has 12 digits, 2 of them after the point"), "{error}");
            }
        }
        assert_eq!(Payment::on(key).all(on).await.unwrap(), [row]);
    }

    async fn decimals_are_compared_and_ordered_by_size(fixture: &Fixture) {
        let key = fixture.key();
        let rows = priced(fixture, key, &PRICES).await;
        let on = &fixture.cluster;
        let query = || Payment::on(key);
        assert_eq!(prices(&query().order_by(Payment::PRICE.asc()).all(on).await.unwrap()), SORTED);
        let top = query().order_by(Payment::PRICE.desc()).limit(2).all(on).await.unwrap();
        assert_eq!(prices(&top), ["9999999999.99", "100.10"]);
        for (filter, expected) in [
            (Payment::PRICE.gt(dec("9.99")), 3),
            (Payment::PRICE.ge(dec("9.9900")), 4),
            (Payment::PRICE.lt(dec("0")), 2),
            (Payment::PRICE.between(dec("-0.01"), dec("11.77")), 3),
            (Payment::PRICE.eq(dec("100.1")), 1),
            (Payment::PRICE.ne(dec("100.10")), 5),
            (Payment::PRICE.is_in([dec("100.100"), dec("-10"), dec("5")]), 2),
            (Payment::PRICE.not_in([dec("100.100"), dec("-10"), dec("5")]), 4),
            (Payment::PRICE.eq_or_null(Some(dec("11.77"))), 1),
            (Payment::PAID.is_null() & Payment::PRICE.gt(dec("0")), 4),
            (Payment::FEE.eq(rows[0].fee), 1),
            (Payment::PAID.eq(Payment::PRICE), 0),
            (Payment::RATE.eq(dec("0.0000000001")), 6),
            (Filter::expr(Expr::col(Alias::new("price")).gt(Payment::PRICE.value(dec("9.99")).unwrap())), 3),
        ] {
            assert_eq!(query().filter(filter.clone()).count(on).await.unwrap(), expected, "{filter:?}");
        }
        // A column is compared and set with one of the same digits alone.
        let mixed = query().filter(Payment::PRICE.eq(Payment::POINTS)).count(on).await;
        assert_eq!(kind(mixed), ErrorKind::Unsupported);
        assert_eq!(kind(query().set(Payment::PRICE, Payment::RATE).update(on).await), ErrorKind::Unsupported);
    }

    async fn decimals_are_read_in_every_selection(fixture: &Fixture) {
        let key = fixture.key();
        let row = Payment { paid: Some(dec("0.1")), ..payment(fixture, key, "11.77") }.insert(&fixture.cluster).await.unwrap();
        let part = Part { id: fixture.id(), user_id: key, payment_id: row.id, share: dec("0.125") }.insert(&fixture.cluster).await.unwrap();
        let on = &fixture.cluster;
        let query = || Payment::on(key);
        assert_eq!(query().select(Payment::PRICE).all(on).await.unwrap(), [row.price]);
        let all = (Payment::ID, Payment::PAID, Payment::FEE, Payment::RATE, Payment::POINTS);
        let expected = [(row.id, row.paid, row.fee, row.rate, row.points)];
        assert_eq!(query().select(all).all(on).await.unwrap(), expected);
        assert_eq!(query().select(all).first(on).await.unwrap(), Some(expected[0]));
        assert_eq!(Payment::scatter().filter(Payment::ID.eq(row.id)).select(all).all(on).await.unwrap(), expected);
        let price = Price { id: row.id, price: row.price, paid: row.paid };
        assert_eq!(query().select_as::<Price>().one(on).await.unwrap(), price);
        let streamed: Vec<_> = futures_util::TryStreamExt::try_collect(query().select((Payment::PRICE, Payment::PAID)).stream(on)).await.unwrap();
        assert_eq!(streamed, [(row.price, row.paid)]);
        let scattered = Payment::scatter().filter(Payment::ID.eq(row.id)).order_by(Payment::PRICE);
        let streamed: Vec<Price> = futures_util::TryStreamExt::try_collect(scattered.select_as::<Price>().stream(on)).await.unwrap();
        assert_eq!(streamed, [price]);
        let raw: Vec<Payment> = Payment::on_shard_of(key).sql(AssertSqlSafe(format!("SELECT {{payments.*}} FROM {{payments}} WHERE id = {}", row.id))).all(on).await.unwrap();
        assert_eq!(raw, std::slice::from_ref(&row));

        let joined = Part::on(key).join(Part::PAYMENT);
        assert_eq!(joined.clone().all(on).await.unwrap(), [(part.clone(), row.clone())]);
        assert_eq!(joined.clone().select((Part::SHARE, Payment::PRICE)).all(on).await.unwrap(), [(part.share, row.price)]);
        let everywhere = Part::scatter().filter(Part::ID.eq(part.id)).join(Part::PAYMENT);
        assert_eq!(everywhere.select((Payment::PAID, Part::SHARE)).all(on).await.unwrap(), [(row.paid, part.share)]);
    }

    async fn decimals_are_assigned_and_incremented(fixture: &Fixture) {
        let key = fixture.key();
        priced(fixture, key, &["1.10", "9999999999.00"]).await;
        let on = &fixture.cluster;
        let small = || Payment::on(key).filter(Payment::PRICE.lt(dec("100")));
        small().increment(Payment::PRICE, dec("0.9")).set(Payment::PAID, dec("3")).update(on).await.unwrap();
        small().increment(Payment::PAID, Payment::PAID).update(on).await.unwrap();
        small().set(Payment::PRICE, dec("-5")).update(on).await.unwrap();
        let row = small().one(on).await.unwrap();
        assert_eq!((row.price.to_string(), row.paid.unwrap().to_string()), ("-5.00".into(), "6.00".into()));
        small().set_expr(Payment::PRICE, Expr::col(Alias::new("price")).add(Payment::PRICE.value(dec("2.5")).unwrap())).update(on).await.unwrap();
        assert_eq!(small().one(on).await.unwrap().price, dec("-2.50"));
        // The sum does not fit, and nothing is stored.
        let over = Payment::on(key).increment(Payment::PRICE, dec("9999999999")).update(on).await;
        assert_eq!(kind(over), ErrorKind::Check);
        assert_eq!(Payment::on(key).filter(Payment::PRICE.eq(dec("9999999999"))).count(on).await.unwrap(), 1);
    }

    async fn decimal_expressions_need_a_column_on_sqlite(fixture: &Fixture) {
        let key = fixture.key();
        let row = priced(fixture, key, &["11.77"]).await.remove(0);
        let on = &fixture.cluster;
        let text = if fixture.dialect == Dialect::Postgres { "SELECT id FROM {payments} WHERE price = $1 AND id = $2" } else { "SELECT id FROM {payments} WHERE price = ? AND id = ?" };
        let query = || Payment::on_shard_of(key).sql(text);
        let found: Vec<i64> = query().bind_as(Payment::PRICE, row.price).bind(row.id).all(on).await.unwrap();
        assert_eq!(found, [row.id]);
        let plain = query().bind(row.price).bind(row.id).all::<i64>(on).await;
        let filtered = Payment::on(key).filter(Filter::expr(Expr::col(Alias::new("price")).eq(row.price))).count(on).await;
        let set = Payment::on(key).set_expr(Payment::PRICE, Expr::val(row.price)).update(on).await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!([kind(plain), kind(filtered), kind(set)], [ErrorKind::Unsupported; 3]);
        } else {
            assert_eq!((plain.unwrap(), filtered.unwrap(), set.unwrap()), (vec![row.id], 1, 1));
        }
        assert_eq!(row.reload(on).await.unwrap(), row);
    }

    async fn aggregates_of_decimals_are_exact(fixture: &Fixture) {
        let on = &fixture.cluster;
        let mut keys: Vec<i64> = fixture.key_of_each_shard().into_iter().take(3).collect();
        keys.push(fixture.key());
        for key in &keys {
            priced(fixture, *key, &PRICES).await;
        }
        type P = Payment;
        let aggregates = (count(), P::PRICE.sum(), P::PRICE.min(), P::PRICE.max(), P::PRICE.avg(), P::PRICE.count_distinct(), P::PAID.sum());
        let sum = |times: i64| PRICES.iter().map(|price| dec(price)).sum::<Decimal>() * Decimal::from(times);
        let times = i64::try_from(keys.len()).unwrap();
        let (least, most) = (Some(dec("-10")), Some(dec("9999999999.99")));
        let whole = P::on_each(keys.clone()).aggregate(aggregates).one(on).await.unwrap();
        let mean = sum(1) / dec("6");
        let rows = u64::try_from(times).unwrap() * 6;
        assert_eq!(whole, (rows, Some(sum(times)), least, most, Some(mean), 6, None));
        assert_eq!(whole.1.unwrap().scale(), 2);
        let one = P::on(keys[0]).aggregate(aggregates).one(on).await.unwrap();
        assert_eq!(one, (6, Some(sum(1)), least, most, Some(mean), 6, None));

        // Groups by a decimal, and a condition, an order and a limit on them.
        let groups = P::on_each(keys.clone()).group_by(P::PRICE).select((P::PRICE, count(), P::PRICE.sum()))
            .having(P::PRICE.sum().gt(dec("0")).and(P::PRICE.max().le(dec("100.1")))).order_by(P::PRICE.sum().desc()).limit(2).all(on).await.unwrap();
        let each = |price: &str| (dec(price), rows / 6, Some(dec(price) * Decimal::from(times)));
        assert_eq!(groups, [each("100.10"), each("11.77")]);
        // No group is split, and the databases keep to the condition and the order themselves.
        for key in &keys {
            priced(fixture, *key, &[&format!("{}.5", key.rem_euclid(1000))]).await;
        }
        let by_key = P::on_each(keys.clone()).group_by(P::USER_ID).select((P::USER_ID, P::PRICE.max(), P::PRICE.min()))
            .having(P::PRICE.min().lt(dec("-9.999")).and(P::PRICE.max().gt(dec("5")))).order_by(P::PRICE.max().desc()).limit(3).all(on).await;
        assert_eq!(by_key.unwrap().len(), keys.len().min(3));
        let one = P::on(keys[0]).group_by(P::PRICE).select((P::PRICE, count())).order_by(P::PRICE.desc()).limit(1).all(on).await.unwrap();
        assert_eq!(one, [(dec("9999999999.99"), 1)]);
    }

    async fn shards_are_merged_by_decimal_order(fixture: &Fixture) {
        let on = &fixture.cluster;
        let keys: Vec<i64> = (0..3).map(|_| fixture.key()).collect();
        for (key, prices) in keys.iter().zip(PRICES.chunks(2)) {
            priced(fixture, *key, prices).await;
        }
        let all = || Payment::on_each(keys.clone()).order_by(Payment::PRICE.asc());
        assert_eq!(prices(&all().all(on).await.unwrap()), SORTED);
        assert_eq!(prices(&all().limit(2).offset(3).all(on).await.unwrap()), SORTED[3..5]);
        let streamed: Vec<Payment> = futures_util::TryStreamExt::try_collect(all().stream(on)).await.unwrap();
        assert_eq!(prices(&streamed), SORTED);
        for on_one in [false, true] {
            let (mut walked, mut next) = (Vec::new(), None);
            loop {
                let page = if on_one {
                    Payment::on(keys[0]).order_by(Payment::PRICE.asc()).page(on, 1, next.as_ref()).await.unwrap()
                } else {
                    all().page(on, 4, next.as_ref()).await.unwrap()
                };
                walked.extend(prices(&page.rows));
                match page.next {
                    // As a link has it.
                    Some(cursor) => next = Some(cursor.to_string().parse().unwrap()),
                    None => break,
                }
            }
            if on_one { assert_eq!(walked, ["-10.00", "9.99"]) } else { assert_eq!(walked, SORTED) }
        }
    }

    async fn a_decimal_can_be_an_upsert_target(fixture: &Fixture) {
        let key = fixture.key();
        let row = payment(fixture, key, "1").insert(&fixture.cluster).await.unwrap();
        let again = Payment { id: fixture.id(), price: dec("2"), ..row.clone() };
        again.upsert(&fixture.cluster, (Payment::USER_ID, Payment::FEE)).await.unwrap();
        assert_eq!(Payment::on(key).all(&fixture.cluster).await.unwrap(), [Payment { price: dec("2"), ..row.clone() }]);
        let (_, created) = again.get_or_create(&fixture.cluster, (Payment::USER_ID, Payment::FEE)).await.unwrap();
        assert!(!created);
    }

    async fn a_decimal_default_has_the_scale_of_its_column(fixture: &Fixture) {
        let key = fixture.key();
        let id = fixture.id();
        let text = AssertSqlSafe(format!("INSERT INTO {{payments}} (id, user_id, price, fee) VALUES ({id}, {key}, 0, 0)"));
        Payment::on_shard_of(key).sql(text).execute(&fixture.cluster).await.unwrap();
        let row = Payment::get(&fixture.cluster, key, id).await.unwrap();
        assert_eq!((row.points.to_string(), row.rate, row.price.to_string()), ("7".into(), dec("0"), "0.00".into()));
    }

    async fn undeclared_decimals_have_no_padding_zeros(fixture: &Fixture) {
        let key = fixture.key();
        let row = Amount { id: fixture.id(), user_id: key, amount: dec("11.77") }.insert(&fixture.cluster).await.unwrap();
        assert_eq!(row.reload(&fixture.cluster).await.unwrap().amount.to_string(), "11.77");
    }

    async fn a_decimal_with_too_many_digits_is_a_decode_error(fixture: &Fixture) {
        let key = fixture.key();
        let on = &fixture.cluster;
        let mut stored = vec!["12345678901234567890123456789.5", "-79228162514264337593543950336"];
        if fixture.dialect == Dialect::Postgres {
            stored.extend(["'NaN'", "'Infinity'", "'-Infinity'", "0.00000000000000000000000000001", "1e100"]);
        }
        for literal in stored {
            let id = fixture.id();
            let literal = if fixture.dialect == Dialect::Sqlite { format!("'{literal}'") } else { literal.to_owned() };
            let insert = format!("INSERT INTO {{amounts}} (id, user_id, amount) VALUES ({id}, {key}, {literal})");
            if Amount::on_shard_of(key).sql(AssertSqlSafe(insert)).execute(on).await.is_err() {
                // MariaDB has fewer digits before the point.
                assert_eq!(fixture.dialect, Dialect::MySql, "{literal}");
                continue;
            }
            let query = || Amount::on(key).filter(Amount::ID.eq(id));
            let refused = [
                kind(Amount::get(on, key, id).await),
                kind(query().all(on).await),
                kind(query().select(Amount::AMOUNT).all(on).await),
                kind(query().page(on, 1, None).await),
                kind(futures_util::TryStreamExt::try_collect::<Vec<_>>(query().stream(on)).await),
                kind(Amount::scatter().filter(Amount::ID.eq(id)).all(on).await),
                kind(query().group_by(Amount::AMOUNT).select((Amount::AMOUNT, count())).all(on).await),
            ];
            assert_eq!(refused, [ErrorKind::Decode; 7], "{literal}");
            if fixture.dialect != Dialect::Sqlite {
                assert_eq!(kind(query().aggregate(Amount::AMOUNT.max()).one(on).await), ErrorKind::Decode, "{literal}");
                assert_eq!(kind(query().aggregate(Amount::AMOUNT.sum()).one(on).await), ErrorKind::Decode, "{literal}");
            }
            Amount::on(key).filter(Amount::ID.eq(id)).delete(on).await.unwrap();
        }
        // As many as there are in it.
        for amount in ["79228162514264337593543950335", "-7.9228162514264337593543950335", "0.0000000000000000000000000001"] {
            let row = Amount { id: fixture.id(), user_id: key, amount: dec(amount) };
            if fixture.dialect == Dialect::MySql && !amount.contains('.') && amount.len() > 29 { continue }
            let row = row.insert(on).await.unwrap();
            assert_eq!(row.reload(on).await.unwrap().amount.to_string(), amount);
        }
    }
}
