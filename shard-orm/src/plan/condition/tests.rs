//! Tests of the depth, the size and the order of joined conditions.

use sea_query::{Alias, SqliteQueryBuilder};

use super::*;

fn number(number: i64) -> Expr {
    Expr::col(Alias::new("a")).eq(number)
}

fn rendered(expr: Expr) -> String {
    let mut select = sea_query::Query::select();
    select.expr(expr);
    select
        .to_string(SqliteQueryBuilder)
        .replace(r#""a" = "#, "")
        .replace("SELECT ", "")
}

#[test]
fn a_chain_keeps_its_order_from_whichever_side_it_is_folded() {
    let one = |value| Condition::one(number(value));
    let left = (2..=7).fold(one(1), |all, next| all.or(one(next)).unwrap());
    let right = (1..=6)
        .rev()
        .fold(one(7), |all, next| one(next).or(all).unwrap());
    let text = "1 OR 2 OR (3 OR 4) OR (5 OR 6 OR 7)";
    assert_eq!(rendered(left.into_expr()), text);
    assert_eq!(rendered(right.into_expr()), text);
}

#[test]
fn levels_are_those_of_the_rendered_expression() {
    let of = |count| {
        let all: Vec<_> = (0..count)
            .map(|value| Condition::one(number(value)))
            .collect();
        all.into_iter()
            .reduce(|all, next| all.and(next).unwrap())
            .unwrap()
    };
    for count in [1, 2, 3, 4, 5, 8, 9, 1_000] {
        let chain = of(count).not().unwrap();
        // A comparison is two levels, and counts as one.
        assert_eq!(
            chain.levels + 1,
            levels(&chain.clone().into_expr()),
            "{count}"
        );
    }
}

#[test]
fn chains_within_expressions_are_made_flat() {
    let mut expr = number(0);
    for value in 1..100_000 {
        expr = expr.or(number(value));
    }
    let flat = Condition::of_expr(expr.not().not().and(number(1))).unwrap();
    assert!(flat.levels < 30, "{}", flat.levels);
    assert!(levels(&flat.into_expr()) < 30);
}

#[test]
fn what_nests_too_deeply_is_refused_and_dropped() {
    let mut nested = number(0);
    let mut added = Expr::val(1);
    for value in 1..20_000 {
        nested = nested.or(number(value)).and(number(-value));
        added = added.add(value);
    }
    assert!(Condition::of_expr(nested).is_err());
    assert!(Condition::of_expr(added.eq(1)).is_err());
}
