//! Filters on columns.

use shard_orm::Filter;
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait, Func};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "things")]
struct Thing {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    name: String,
    number: i32,
    other: i32,
    size: Option<i64>,
    weight: f64,
    on: bool,
    note: Option<String>,
    data: Vec<u8>,
    price: rust_decimal::Decimal,
}

impl Thing {
    fn new(fixture: &Fixture, user_id: i64, name: &str, number: i32) -> Self {
        Self {
            id: fixture.id(),
            user_id,
            name: name.into(),
            number,
            other: 3,
            size: (number % 2 == 0).then_some(number.into()),
            weight: f64::from(number) / 2.0,
            on: number % 2 == 0,
            note: None,
            data: name.as_bytes().to_vec(),
            price: rust_decimal::Decimal::new(number.into(), 1),
        }
    }
}

/// Five things, numbered from 1; those of even numbers have a size.
async fn five(fixture: &Fixture) -> i64 {
    let key = fixture.key();
    let rows = ["a", "b", "c", "d", "e"]
        .iter()
        .zip(1..)
        .map(|(name, number)| Thing::new(fixture, key, name, number))
        .collect();
    Thing::insert_many(&fixture.cluster, rows).await.unwrap();
    key
}

async fn named(fixture: &Fixture, names: &[&str]) -> i64 {
    let key = fixture.key();
    let rows = names
        .iter()
        .zip(1..)
        .map(|(name, number)| Thing::new(fixture, key, name, number))
        .collect();
    Thing::insert_many(&fixture.cluster, rows).await.unwrap();
    key
}

/// The numbers of the things that meet a condition; the same through count, exists and delete's condition.
async fn numbers(fixture: &Fixture, key: i64, filter: Filter<Thing>) -> Vec<i32> {
    let query = Thing::on(key).filter(filter);
    let found = query
        .clone()
        .select(Thing::NUMBER)
        .order_by(Thing::NUMBER)
        .all(&fixture.cluster)
        .await
        .unwrap();
    assert_eq!(
        query.clone().count(&fixture.cluster).await.unwrap(),
        found.len() as u64
    );
    assert_eq!(
        query.exists(&fixture.cluster).await.unwrap(),
        !found.is_empty()
    );
    found
}

behaviours! { (Thing);
    async fn comparisons_with_values(fixture: &Fixture) {
        let key = five(fixture).await;
        let number = Thing::NUMBER;
        assert_eq!(numbers(fixture, key, number.eq(3)).await, [3]);
        assert_eq!(numbers(fixture, key, number.ne(3)).await, [1, 2, 4, 5]);
        assert_eq!(numbers(fixture, key, number.lt(3)).await, [1, 2]);
        assert_eq!(numbers(fixture, key, number.le(3)).await, [1, 2, 3]);
        assert_eq!(numbers(fixture, key, number.gt(3)).await, [4, 5]);
        assert_eq!(numbers(fixture, key, number.ge(3)).await, [3, 4, 5]);
        assert_eq!(numbers(fixture, key, number.between(2, 4)).await, [2, 3, 4]);
        assert_eq!(numbers(fixture, key, number.between(4, 2)).await, [0; 0]);
        assert_eq!(numbers(fixture, key, Thing::WEIGHT.ge(1.5)).await, [3, 4, 5]);
        assert_eq!(numbers(fixture, key, Thing::ON.eq(true)).await, [2, 4]);
        assert_eq!(numbers(fixture, key, Thing::NAME.gt("c")).await, [4, 5]);
        assert_eq!(numbers(fixture, key, Thing::DATA.eq(&b"b"[..])).await, [2]);
        assert_eq!(numbers(fixture, key, Thing::PRICE.eq(rust_decimal::Decimal::new(300, 3))).await, [3]);
        assert_eq!(numbers(fixture, key, Thing::USER_ID.eq(key)).await, [1, 2, 3, 4, 5]);
        assert_eq!(numbers(fixture, key, Thing::USER_ID.eq(key + 1)).await, [0; 0]);
    }

    async fn lists_of_values(fixture: &Fixture) {
        let key = five(fixture).await;
        let number = Thing::NUMBER;
        assert_eq!(numbers(fixture, key, number.is_in([1, 5, 9])).await, [1, 5]);
        assert_eq!(numbers(fixture, key, number.not_in([1, 5, 9])).await, [2, 3, 4]);
        assert_eq!(numbers(fixture, key, number.is_in(Vec::<i32>::new())).await, [0; 0]);
        assert_eq!(numbers(fixture, key, number.not_in(Vec::<i32>::new())).await, [1, 2, 3, 4, 5]);
        assert_eq!(numbers(fixture, key, !number.is_in(Vec::<i32>::new())).await, [1, 2, 3, 4, 5]);
        assert_eq!(numbers(fixture, key, Thing::NAME.is_in(["a", "c"])).await, [1, 3]);
        assert_eq!(numbers(fixture, key, number.is_in((1..=2_000).collect::<Vec<i32>>())).await.len(), 5);
    }

    async fn lists_beyond_the_argument_limit_are_refused(fixture: &Fixture) {
        let key = five(fixture).await;
        let filter = Thing::NUMBER.is_in((0..70_000).collect::<Vec<i32>>());
        assert_eq!(kind(Thing::on(key).filter(filter).all(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(Thing::on(key).count(&fixture.cluster).await.unwrap(), 5);
    }

    async fn null_matches_neither_eq_nor_ne(fixture: &Fixture) {
        let key = five(fixture).await;
        let size = Thing::SIZE;
        assert_eq!(numbers(fixture, key, size.eq(2)).await, [2]);
        assert_eq!(numbers(fixture, key, size.ne(2)).await, [4]);
        assert_eq!(numbers(fixture, key, size.lt(100)).await, [2, 4]);
        assert_eq!(numbers(fixture, key, !size.eq(2)).await, [4]);
        assert_eq!(numbers(fixture, key, size.is_in([2, 3])).await, [2]);
        assert_eq!(numbers(fixture, key, size.not_in([2, 3])).await, [4]);
        assert_eq!(numbers(fixture, key, size.not_in(Vec::<i64>::new())).await, [1, 2, 3, 4, 5]);
        assert_eq!(numbers(fixture, key, size.is_null()).await, [1, 3, 5]);
        assert_eq!(numbers(fixture, key, size.is_not_null()).await, [2, 4]);
        assert_eq!(numbers(fixture, key, size.eq_or_null(None)).await, [1, 3, 5]);
        assert_eq!(numbers(fixture, key, size.eq_or_null(Some(4))).await, [4]);
        assert_eq!(numbers(fixture, key, size.eq(2).or(size.is_null())).await, [1, 2, 3, 5]);
        assert_eq!(numbers(fixture, key, Thing::NUMBER.eq_or_null(Some(4))).await, [4]);
        assert_eq!(numbers(fixture, key, Thing::NUMBER.eq_or_null(None)).await, [0; 0]);
    }

    async fn like_takes_percent_underscore_and_backslash(fixture: &Fixture) {
        let key = named(fixture, &["tea", "Tea", "100%", "1000", "a_b", "axb", "a\\b", "a\\%b", "", "téa"]).await;
        let name = Thing::NAME;
        assert_eq!(numbers(fixture, key, name.like("t%")).await, [1, 10]);
        assert_eq!(numbers(fixture, key, name.like("_ea")).await, [1, 2]);
        assert_eq!(numbers(fixture, key, name.like("t_a")).await, [1, 10]);
        assert_eq!(numbers(fixture, key, name.like("100\\%")).await, [3]);
        assert_eq!(numbers(fixture, key, name.like("a\\_b")).await, [5]);
        assert_eq!(numbers(fixture, key, name.like("a\\\\b")).await, [7]);
        assert_eq!(numbers(fixture, key, name.like("")).await, [9]);
        assert_eq!(numbers(fixture, key, name.like("%")).await.len(), 10);
        assert_eq!(numbers(fixture, key, !name.like("%e%")).await, [3, 4, 5, 6, 7, 8, 9, 10]);
    }

    async fn like_is_literal_and_case_sensitive(fixture: &Fixture) {
        let key = named(fixture, &["tea", "Tea", "100%", "1000", "a_b", "axb", "a\\b", "a\\%b", "it's", "téa"]).await;
        let name = Thing::NAME;
        assert_eq!(numbers(fixture, key, name.starts_with("t")).await, [1, 10]);
        assert_eq!(numbers(fixture, key, name.starts_with("T")).await, [2]);
        assert_eq!(numbers(fixture, key, name.starts_with("100%")).await, [3]);
        assert_eq!(numbers(fixture, key, name.starts_with("a_")).await, [5]);
        assert_eq!(numbers(fixture, key, name.starts_with("a\\")).await, [7, 8]);
        assert_eq!(numbers(fixture, key, name.ends_with("_b")).await, [5]);
        assert_eq!(numbers(fixture, key, name.ends_with("\\b")).await, [7]);
        assert_eq!(numbers(fixture, key, name.contains("%")).await, [3, 8]);
        assert_eq!(numbers(fixture, key, name.contains("\\%")).await, [8]);
        assert_eq!(numbers(fixture, key, name.contains("'")).await, [9]);
        assert_eq!(numbers(fixture, key, name.contains("E")).await, [0; 0]);
        assert_eq!(numbers(fixture, key, name.contains("é")).await, [10]);
        assert_eq!(numbers(fixture, key, name.contains("")).await.len(), 10);
        assert_eq!(numbers(fixture, key, name.eq("tea")).await, [1]);
        assert_eq!(numbers(fixture, key, name.eq("TEA")).await, [0; 0]);
    }

    async fn text_comparison_respects_spaces_and_accents(fixture: &Fixture) {
        let key = named(fixture, &["a", "a ", "á", "A", ""]).await;
        assert_eq!(numbers(fixture, key, Thing::NAME.eq("a")).await, [1]);
        assert_eq!(numbers(fixture, key, Thing::NAME.eq("a ")).await, [2]);
        assert_eq!(numbers(fixture, key, Thing::NAME.ne("a")).await, [2, 3, 4, 5]);
        assert_eq!(numbers(fixture, key, Thing::NAME.eq("")).await, [5]);
    }

    async fn conditions_nest(fixture: &Fixture) {
        let key = five(fixture).await;
        let is = |number| Thing::NUMBER.eq(number);
        let on = || Thing::ON.eq(true);
        assert_eq!(numbers(fixture, key, is(1).or(is(2)).and(on())).await, [2]);
        assert_eq!(numbers(fixture, key, is(1).or(is(2).and(on()))).await, [1, 2]);
        assert_eq!(numbers(fixture, key, !(is(1) | is(2))).await, [3, 4, 5]);
        assert_eq!(numbers(fixture, key, !is(1) & !is(2) & !on()).await, [3, 5]);
        assert_eq!(numbers(fixture, key, !(!is(1))).await, [1]);
        assert_eq!(numbers(fixture, key, (is(1) | is(2)) & (is(2) | is(3))).await, [2]);
        assert_eq!(numbers(fixture, key, is(1) & is(2) | is(3) & !on()).await, [3]);
        let both = Thing::on(key).filter(is(1) | is(2)).filter(is(2) | is(3)).count(&fixture.cluster);
        assert_eq!(both.await.unwrap(), 1);
    }

    async fn columns_are_compared_with_columns(fixture: &Fixture) {
        let key = five(fixture).await;
        assert_eq!(numbers(fixture, key, Thing::NUMBER.eq(Thing::OTHER)).await, [3]);
        assert_eq!(numbers(fixture, key, Thing::NUMBER.lt(Thing::OTHER)).await, [1, 2]);
        assert_eq!(numbers(fixture, key, Thing::NUMBER.between(2, Thing::OTHER)).await, [2, 3]);
        assert_eq!(numbers(fixture, key, Thing::NAME.eq(Thing::NOTE)).await, [0; 0]);
        assert_eq!(numbers(fixture, key, Thing::ID.ne(Thing::USER_ID)).await, [1, 2, 3, 4, 5]);
    }

    async fn filters_take_sea_query_expressions(fixture: &Fixture) {
        let key = named(fixture, &["a", "bb", "ccc"]).await;
        let length = || Expr::expr(Func::char_length(Expr::col(Alias::new("name"))));
        assert_eq!(numbers(fixture, key, Filter::expr(length().gte(2))).await, [2, 3]);
        let mixed = Filter::expr(length().eq(2)) | Thing::NUMBER.eq(1);
        assert_eq!(numbers(fixture, key, mixed).await, [1, 2]);
    }

    async fn one_statement_text_takes_values_of_several_types(fixture: &Fixture) {
        // PostgreSQL's prepared statements are found by their text alone: a second type under the first one's text
        // would be read as the first.
        let key = five(fixture).await;
        let weight = || Expr::col(Alias::new("weight"));
        for _ in 0..3 {
            assert_eq!(numbers(fixture, key, Filter::expr(weight().eq(1.5_f64))).await, [3]);
            assert_eq!(numbers(fixture, key, Filter::expr(weight().eq(2_i64))).await, [4]);
            assert_eq!(numbers(fixture, key, Filter::expr(weight().eq(1_i32))).await, [2]);
            assert_eq!(numbers(fixture, key, Filter::expr(weight().eq(0.5_f32))).await, [1]);
        }
        let number = || Expr::col(Alias::new("number"));
        for _ in 0..3 {
            assert_eq!(numbers(fixture, key, Filter::expr(number().eq(3_i64))).await, [3]);
            assert_eq!(numbers(fixture, key, Filter::expr(number().eq(3_i16))).await, [3]);
            assert_eq!(numbers(fixture, key, Thing::NUMBER.eq(3)).await, [3]);
        }
    }

    async fn decimals_are_compared_by_size_or_refused(fixture: &Fixture) {
        let key = five(fixture).await;
        let two = || rust_decimal::Decimal::new(2, 1);
        let query = || Thing::on(key).filter(Thing::PRICE.gt(two()));
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(kind(query().count(&fixture.cluster).await), ErrorKind::Unsupported);
            assert_eq!(kind(Thing::on(key).order_by(Thing::PRICE).all(&fixture.cluster).await), ErrorKind::Unsupported);
        } else {
            assert_eq!(query().count(&fixture.cluster).await.unwrap(), 3);
        }
    }

    async fn values_are_never_interpreted_as_sql(fixture: &Fixture) {
        let evil = ["'; DROP TABLE things; --", "\\'; SELECT", "\"", "`", "{things}", "$1", "?", "%s"];
        let key = named(fixture, &evil).await;
        for (name, number) in evil.iter().zip(1..) {
            assert_eq!(numbers(fixture, key, Thing::NAME.eq(*name)).await, [number]);
            assert!(numbers(fixture, key, Thing::NAME.contains(name)).await.contains(&number));
            assert_eq!(numbers(fixture, key, Thing::NAME.is_in([*name])).await, [number]);
        }
    }
}
