//! Large filters: chains of any length, and filters that nest too deeply.

use shard_orm::aggregate::{GroupExpr, Having, count};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait};
use shard_orm::{Filter, Result};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "pieces")]
#[shard(has_many(chips = "Chip", by = "piece_id"))]
struct Piece {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    number: i32,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "chips")]
struct Chip {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    piece_id: i64,
}

/// As many as a builder is handed by a program.
const MANY: i32 = 3_000;

/// Three pieces, numbered from 1, the second with a chip.
async fn three(fixture: &Fixture) -> i64 {
    let user_id = fixture.key();
    for number in 1..=3 {
        let id = fixture.id();
        let piece = Piece {
            id,
            user_id,
            number,
        };
        piece.insert(&fixture.cluster).await.unwrap();
        if number == 2 {
            let chip = Chip {
                id: fixture.id(),
                user_id,
                piece_id: id,
            };
            chip.insert(&fixture.cluster).await.unwrap();
        }
    }
    user_id
}

fn is(number: i32) -> Filter<Piece> {
    Piece::NUMBER.eq(number)
}

async fn numbers(fixture: &Fixture, key: i64, filter: Filter<Piece>) -> Result<Vec<i32>> {
    let query = Piece::on(key).filter(filter.clone()).select(Piece::NUMBER);
    assert!(!format!("{filter:?}{query:?}").is_empty());
    query.order_by(Piece::NUMBER).all(&fixture.cluster).await
}

/// Operators that alternate, so many of them.
fn alternating(levels: i32) -> Filter<Piece> {
    (0..levels / 2).fold(is(2), |inner, number| !(inner | is(-number)))
}

behaviours! { (Piece, Chip);
    async fn chains_of_one_operator_have_any_length(fixture: &Fixture) {
        let key = three(fixture).await;
        let any = (2..MANY).fold(is(2), |all, number| all | is(number));
        assert_eq!(numbers(fixture, key, any.clone()).await.unwrap(), [2, 3]);
        let from_the_right = (2..MANY).fold(is(2), |all, number| is(number) | all);
        assert_eq!(numbers(fixture, key, from_the_right).await.unwrap(), [2, 3]);
        let none = (2..MANY).fold(!is(2), |all, number| all & !is(number));
        assert_eq!(numbers(fixture, key, none).await.unwrap(), [1]);
        let odd = (0..100_001).fold(any, |all, _| !all);
        assert_eq!(numbers(fixture, key, odd).await.unwrap(), [1]);
    }

    async fn a_query_takes_any_number_of_conditions_and_orders(fixture: &Fixture) {
        let key = three(fixture).await;
        let mut query = Piece::on(key);
        let mut join = Piece::on(key).left_join(Piece::CHIPS);
        for number in 4..1_500 {
            query = query.filter(!is(number)).order_by(Piece::NUMBER.desc());
            join = join.filter(!is(number)).order_by(Piece::NUMBER.desc());
        }
        let page = query.clone().page(&fixture.cluster, 1, None).await.unwrap();
        assert_eq!(page.rows[0].number, 3);
        let rest = query.page(&fixture.cluster, 9, page.next.as_ref()).await.unwrap();
        assert_eq!(rest.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 1]);
        let joined = join.select(Piece::NUMBER).all(&fixture.cluster).await.unwrap();
        assert_eq!(joined, [3, 2, 1]);
    }

    async fn conditions_on_joins_and_loads_may_be_long(fixture: &Fixture) {
        let key = three(fixture).await;
        let chips = || (2..MANY / 2).fold(Piece::CHIPS.filter(Chip::ID.ne(-1)), |load, number| {
            load.filter(Chip::ID.ne(-i64::from(number)))
        });
        let joined = Piece::on(key).join(chips()).select(Piece::NUMBER).all(&fixture.cluster);
        assert_eq!(joined.await.unwrap(), [2]);
        let pieces = Piece::on(key).all(&fixture.cluster).await.unwrap();
        let loaded = chips().load(&fixture.cluster, &pieces).await.unwrap();
        assert_eq!(loaded.iter().map(Vec::len).sum::<usize>(), 1);
    }

    async fn conditions_on_groups_may_be_long(fixture: &Fixture) {
        let key = three(fixture).await;
        let sums = |having: Having<Piece>| {
            Piece::on(key).group_by(Piece::NUMBER).having(having).all(&fixture.cluster)
        };
        let is = |number: i32| Piece::NUMBER.sum().eq(i128::from(number));
        let any = (2..MANY).fold(is(2), |all, number| all | is(number));
        assert_eq!(sums(any.clone()).await.unwrap(), [2, 3]);
        let odd = (0..100_001).fold(any, |all, _| !all);
        assert_eq!(sums(odd).await.unwrap(), [1]);
        let none = (2..MANY).fold(!is(2), |all, number| all & !is(number));
        assert_eq!(sums(none).await.unwrap(), [1]);
        let mut each = Piece::on(key).group_by(Piece::NUMBER);
        for number in 2..1_500 {
            each = each.having(!is(number)).order_by(count());
        }
        assert_eq!(each.all(&fixture.cluster).await.unwrap(), [1]);
        let deep = (0..100_000).fold(is(1), |all, number| !(all | is(number)));
        assert_eq!(kind(sums(deep.clone()).await), ErrorKind::Unsupported);
        drop(deep);
    }

    async fn operators_nest_up_to_a_depth(fixture: &Fixture) {
        let key = three(fixture).await;
        // Each second level turns what is met.
        assert_eq!(numbers(fixture, key, alternating(196)).await.unwrap(), [2]);
        let grouped = Piece::on(key).group_by(alternating(196)).select(count()).all(&fixture.cluster);
        assert_eq!(grouped.await.unwrap(), [2, 1]);
        let joined = Piece::on(key).left_join(Piece::CHIPS).filter(alternating(196)).all(&fixture.cluster);
        assert_eq!(joined.await.unwrap().len(), 1);
    }

    async fn deeply_nested_filters_are_refused(fixture: &Fixture) {
        let key = three(fixture).await;
        let deep = alternating(200_000);
        let copy = deep.clone();
        assert_eq!(kind(numbers(fixture, key, copy).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::on(key).filter(deep.clone()).delete(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::scatter().filter(deep.clone()).count(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::scatter().group_by(deep).all(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(Piece::on(key).count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn long_expressions_of_sea_query_are_flat_or_refused(fixture: &Fixture) {
        let key = three(fixture).await;
        let column = || Expr::col(Alias::new("number"));
        let any = || (2..MANY).fold(column().eq(2), |all, number| all.or(column().eq(number)));
        let some = any().and(column().eq(3)).not().not();
        assert_eq!(numbers(fixture, key, Filter::expr(any())).await.unwrap(), [2, 3]);
        assert_eq!(numbers(fixture, key, Filter::expr(some)).await.unwrap(), [3]);
        let sum = |terms: i32| (0..terms).fold(column(), |sum, _| sum.add(1));
        assert_eq!(numbers(fixture, key, Filter::expr(sum(150).eq(152))).await.unwrap(), [2]);
        let refused = Filter::expr(sum(100_000).eq(152));
        assert_eq!(kind(numbers(fixture, key, refused).await), ErrorKind::Unsupported);
        let set = Piece::on(key).set_expr(Piece::NUMBER, sum(100_000)).update(&fixture.cluster);
        assert_eq!(kind(set.await), ErrorKind::Unsupported);
        let by = GroupExpr::<Piece, i32>::new(sum(100_000));
        assert_eq!(kind(Piece::on(key).group_by(by).all(&fixture.cluster).await), ErrorKind::Unsupported);
    }

    async fn a_list_of_100000_values_is_refused(fixture: &Fixture) {
        let key = three(fixture).await;
        let filter = || Piece::NUMBER.is_in((0..100_000).collect::<Vec<i32>>());
        assert_eq!(kind(numbers(fixture, key, filter()).await), ErrorKind::Unsupported);
        assert_eq!(kind(numbers(fixture, key, !filter() | is(1)).await), ErrorKind::Unsupported);
    }
}
