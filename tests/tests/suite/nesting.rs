//! Conditions made of very many others: chains of any length, and what is nested too deeply.

use shard_orm::aggregate::{GroupExpr, Having, count};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait};
use shard_orm::{Filter, Result};
use shard_orm_tests::bed::Bed;
use shard_orm_tests::behaviours;

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
async fn three(bed: &Bed) -> i64 {
    let user_id = bed.key();
    for number in 1..=3 {
        let id = bed.id();
        let piece = Piece {
            id,
            user_id,
            number,
        };
        piece.insert(&bed.cluster).await.unwrap();
        if number == 2 {
            let chip = Chip {
                id: bed.id(),
                user_id,
                piece_id: id,
            };
            chip.insert(&bed.cluster).await.unwrap();
        }
    }
    user_id
}

fn is(number: i32) -> Filter<Piece> {
    Piece::NUMBER.eq(number)
}

async fn numbers(bed: &Bed, key: i64, filter: Filter<Piece>) -> Result<Vec<i32>> {
    let query = Piece::on(key).filter(filter.clone()).select(Piece::NUMBER);
    assert!(!format!("{filter:?}{query:?}").is_empty());
    query.order_by(Piece::NUMBER).all(&bed.cluster).await
}

/// Operators that alternate, so many of them.
fn alternating(levels: i32) -> Filter<Piece> {
    (0..levels / 2).fold(is(2), |inner, number| !(inner | is(-number)))
}

behaviours! { (Piece, Chip);
    async fn a_chain_of_one_operator_may_be_of_any_length(bed: &Bed) {
        let key = three(bed).await;
        let any = (2..MANY).fold(is(2), |all, number| all | is(number));
        assert_eq!(numbers(bed, key, any.clone()).await.unwrap(), [2, 3]);
        let from_the_right = (2..MANY).fold(is(2), |all, number| is(number) | all);
        assert_eq!(numbers(bed, key, from_the_right).await.unwrap(), [2, 3]);
        let none = (2..MANY).fold(!is(2), |all, number| all & !is(number));
        assert_eq!(numbers(bed, key, none).await.unwrap(), [1]);
        let odd = (0..100_001).fold(any, |all, _| !all);
        assert_eq!(numbers(bed, key, odd).await.unwrap(), [1]);
    }

    async fn a_query_takes_any_number_of_conditions_and_orders(bed: &Bed) {
        let key = three(bed).await;
        let mut query = Piece::on(key);
        let mut join = Piece::on(key).left_join(Piece::CHIPS);
        for number in 4..1_500 {
            query = query.filter(!is(number)).order_by(Piece::NUMBER.desc());
            join = join.filter(!is(number)).order_by(Piece::NUMBER.desc());
        }
        let page = query.clone().page(&bed.cluster, 1, None).await.unwrap();
        assert_eq!(page.rows[0].number, 3);
        let rest = query.page(&bed.cluster, 9, page.next.as_ref()).await.unwrap();
        assert_eq!(rest.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 1]);
        let joined = join.select(Piece::NUMBER).all(&bed.cluster).await.unwrap();
        assert_eq!(joined, [3, 2, 1]);
    }

    async fn conditions_on_what_is_joined_or_loaded_may_be_long(bed: &Bed) {
        let key = three(bed).await;
        let chips = || (2..MANY / 2).fold(Piece::CHIPS.filter(Chip::ID.ne(-1)), |load, number| {
            load.filter(Chip::ID.ne(-i64::from(number)))
        });
        let joined = Piece::on(key).join(chips()).select(Piece::NUMBER).all(&bed.cluster);
        assert_eq!(joined.await.unwrap(), [2]);
        let pieces = Piece::on(key).all(&bed.cluster).await.unwrap();
        let loaded = chips().load(&bed.cluster, &pieces).await.unwrap();
        assert_eq!(loaded.iter().map(Vec::len).sum::<usize>(), 1);
    }

    async fn conditions_on_groups_may_be_long(bed: &Bed) {
        let key = three(bed).await;
        let sums = |having: Having<Piece>| {
            Piece::on(key).group_by(Piece::NUMBER).having(having).all(&bed.cluster)
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
        assert_eq!(each.all(&bed.cluster).await.unwrap(), [1]);
        let deep = (0..100_000).fold(is(1), |all, number| !(all | is(number)));
        assert_eq!(kind(sums(deep.clone()).await), ErrorKind::Unsupported);
        drop(deep);
    }

    async fn operators_nest_up_to_a_depth(bed: &Bed) {
        let key = three(bed).await;
        // Each second level turns what is met.
        assert_eq!(numbers(bed, key, alternating(196)).await.unwrap(), [2]);
        let grouped = Piece::on(key).group_by(alternating(196)).select(count()).all(&bed.cluster);
        assert_eq!(grouped.await.unwrap(), [2, 1]);
        let joined = Piece::on(key).left_join(Piece::CHIPS).filter(alternating(196)).all(&bed.cluster);
        assert_eq!(joined.await.unwrap().len(), 1);
    }

    async fn what_nests_too_deeply_is_refused(bed: &Bed) {
        let key = three(bed).await;
        let deep = alternating(200_000);
        let copy = deep.clone();
        assert_eq!(kind(numbers(bed, key, copy).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::on(key).filter(deep.clone()).delete(&bed.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::scatter().filter(deep.clone()).count(&bed.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(Piece::scatter().group_by(deep).all(&bed.cluster).await), ErrorKind::Unsupported);
        assert_eq!(Piece::on(key).count(&bed.cluster).await.unwrap(), 3);
    }

    async fn long_expressions_of_sea_query_are_flat_or_refused(bed: &Bed) {
        let key = three(bed).await;
        let column = || Expr::col(Alias::new("number"));
        let any = || (2..MANY).fold(column().eq(2), |all, number| all.or(column().eq(number)));
        let some = any().and(column().eq(3)).not().not();
        assert_eq!(numbers(bed, key, Filter::expr(any())).await.unwrap(), [2, 3]);
        assert_eq!(numbers(bed, key, Filter::expr(some)).await.unwrap(), [3]);
        let sum = |terms: i32| (0..terms).fold(column(), |sum, _| sum.add(1));
        assert_eq!(numbers(bed, key, Filter::expr(sum(150).eq(152))).await.unwrap(), [2]);
        let refused = Filter::expr(sum(100_000).eq(152));
        assert_eq!(kind(numbers(bed, key, refused).await), ErrorKind::Unsupported);
        let set = Piece::on(key).set_expr(Piece::NUMBER, sum(100_000)).update(&bed.cluster);
        assert_eq!(kind(set.await), ErrorKind::Unsupported);
        let by = GroupExpr::<Piece, i32>::new(sum(100_000));
        assert_eq!(kind(Piece::on(key).group_by(by).all(&bed.cluster).await), ErrorKind::Unsupported);
    }

    async fn a_list_of_100000_values_is_refused(bed: &Bed) {
        let key = three(bed).await;
        let filter = || Piece::NUMBER.is_in((0..100_000).collect::<Vec<i32>>());
        assert_eq!(kind(numbers(bed, key, filter()).await), ErrorKind::Unsupported);
        assert_eq!(kind(numbers(bed, key, !filter() | is(1)).await), ErrorKind::Unsupported);
    }
}
