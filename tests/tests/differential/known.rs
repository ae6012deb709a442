//! Queries that failed in the past.

use shard_orm::Dialect;

use crate::aggregate::Agg;
use crate::case::{Case, Of};
use crate::cell::Cell;
use crate::condition::{Comparison, Condition};
use crate::group::{Gives, Group, GroupTerm};
use crate::group_filter::GroupFilter;
use crate::group_keys::GroupKeys;
use crate::order::{Nulls, Term};
use crate::sample::Col;
use crate::scope::Scope;
use crate::select::{Pages, Select, Shape, Verb};

/// Each query with its name.
pub(crate) fn all(dialect: Dialect) -> Vec<(&'static str, Case)> {
    let mut all = rows();
    all.extend(pages());
    all.extend(groups());
    all.extend(distinct_aggregates());
    if dialect == Dialect::Postgres {
        all.push((
            "a page that begins behind NaN",
            everywhere(Of::Pages(Pages {
                orders: vec![term(Col::Extreme, true, Nulls::Default)],
                size: 7,
            })),
        ));
    }
    all
}

fn everywhere(of: Of) -> Case {
    Case {
        scope: Scope::Everywhere,
        filters: Vec::new(),
        of,
    }
}

fn term(column: Col, descending: bool, nulls: Nulls) -> Term {
    Term {
        column,
        descending,
        nulls,
    }
}

fn select(shape: Shape, orders: Vec<Term>, limit: Option<u64>, offset: Option<u64>) -> Case {
    everywhere(Of::Rows(Select {
        shape,
        orders,
        limit,
        offset,
        verb: Verb::All,
    }))
}

fn rows() -> Vec<(&'static str, Case)> {
    let mut all = Vec::new();
    for column in [Col::Level, Col::Note, Col::Seen, Col::Ratio] {
        for descending in [false, true] {
            for nulls in [Nulls::Default, Nulls::First, Nulls::Last] {
                let orders = vec![term(column, descending, nulls)];
                all.push((
                    "NULL where it is asked for, with a limit",
                    select(Shape::Whole, orders, Some(50), Some(20)),
                ));
            }
        }
    }
    let by = |column| vec![term(column, false, Nulls::Default)];
    all.extend([
        (
            "an order by a column that is not selected",
            select(Shape::NoteLevel, by(Col::At), Some(7), None),
        ),
        (
            "the offset is of the whole, not of each logical shard",
            select(Shape::Id, by(Col::Name), Some(7), Some(50)),
        ),
        (
            "an offset without a limit",
            select(Shape::Id, by(Col::Weight), None, Some(20)),
        ),
        (
            "an offset beyond the end",
            select(Shape::Id, by(Col::Id), Some(7), Some(1_000)),
        ),
        (
            "a limit and an offset whose sum is no number",
            select(Shape::Id, by(Col::Id), Some(u64::MAX), Some(u64::MAX)),
        ),
        (
            "extremes of integers in descending order",
            select(
                Shape::Whole,
                vec![term(Col::Big, true, Nulls::Default)],
                Some(50),
                None,
            ),
        ),
        (
            "times before and after 1970",
            select(Shape::Whole, by(Col::At), None, None),
        ),
        (
            "texts by bytes, those beyond 16 bits last",
            select(Shape::Whole, by(Col::Name), None, None),
        ),
        (
            "zeroes of both signs are ties",
            select(Shape::Whole, by(Col::Weight), None, None),
        ),
        (
            "byte strings, of which one begins another",
            select(Shape::DataKindSeen, by(Col::Data), Some(50), Some(1)),
        ),
    ]);
    let either = Condition::Or(
        Box::new(Condition::Compare(
            Col::UserId,
            Comparison::Eq,
            Cell::Int(1),
        )),
        Box::new(Condition::Compare(
            Col::UserId,
            Comparison::Eq,
            Cell::Int(2),
        )),
    );
    all.push((
        "a condition on the shard key in two branches of OR",
        Case {
            filters: vec![either],
            ..select(Shape::Whole, by(Col::Id), None, None)
        },
    ));
    all.push((
        "a count of rows in which a column is twice, of one shard key",
        Case {
            scope: Scope::Key(0),
            ..everywhere(Of::Rows(Select {
                shape: Shape::LevelIdLevel,
                orders: Vec::new(),
                limit: None,
                offset: Some(0),
                verb: Verb::Count,
            }))
        },
    ));
    all.push((
        "keys twice, and of no row",
        Case {
            scope: Scope::Keys(vec![0, 7, 7, 0, 34, i64::MIN, i64::MAX]),
            ..select(Shape::Whole, by(Col::Name), Some(7), None)
        },
    ));
    all
}

fn pages() -> Vec<(&'static str, Case)> {
    let page = |orders| everywhere(Of::Pages(Pages { orders, size: 13 }));
    vec![
        (
            "pages in an order with NULL first",
            page(vec![term(Col::Level, true, Nulls::First)]),
        ),
        (
            "pages in an order with NULL last",
            page(vec![
                term(Col::Note, false, Nulls::Last),
                term(Col::Seen, true, Nulls::First),
            ]),
        ),
        (
            "pages of single precision",
            page(vec![term(Col::Ratio, false, Nulls::Default)]),
        ),
        ("pages without an order", page(Vec::new())),
    ]
}

fn group(by: GroupKeys, gives: Gives) -> Group {
    Group {
        by,
        gives,
        having: None,
        orders: Vec::new(),
        limit: None,
        offset: None,
        first: false,
    }
}

fn groups() -> Vec<(&'static str, Case)> {
    let by_count = GroupTerm::Aggregate(Agg::Count, true, Nulls::Default);
    let named = |name, group| (name, everywhere(Of::Groups(group)));
    let having = |keep| Group {
        having: Some(keep),
        ..group(GroupKeys::NoteSeen, Gives::Exact)
    };
    let compare = |agg, how, value| GroupFilter::Compare(agg, how, Cell::Int(value));
    vec![
        named(
            "a limit under GROUP BY",
            Group {
                orders: vec![by_count],
                limit: Some(2),
                ..group(GroupKeys::Name, Gives::Count)
            },
        ),
        named(
            "a limit and an offset of groups without an order",
            Group {
                limit: Some(7),
                offset: Some(2),
                ..group(GroupKeys::AtLevel, Gives::Count)
            },
        ),
        named(
            "an order by an aggregate that is not selected",
            Group {
                orders: vec![GroupTerm::Aggregate(
                    Agg::Sum(Col::Total),
                    false,
                    Nulls::Default,
                )],
                limit: Some(7),
                ..group(GroupKeys::DataKind, Gives::Keys)
            },
        ),
        named(
            "an aggregate that is NULL, first",
            Group {
                orders: vec![GroupTerm::Aggregate(
                    Agg::Min(Col::Level),
                    false,
                    Nulls::First,
                )],
                ..group(GroupKeys::UserIdFlag, Gives::Exact)
            },
        ),
        named(
            "HAVING of merged groups",
            having(compare(Agg::Count, Comparison::Ge, 15)),
        ),
        named(
            "HAVING that is unknown for some",
            having(compare(Agg::Sum(Col::Level), Comparison::Gt, 0)),
        ),
        named(
            "HAVING whose opposite is unknown for the same",
            having(GroupFilter::Not(Box::new(compare(
                Agg::Sum(Col::Level),
                Comparison::Gt,
                0,
            )))),
        ),
        named(
            "HAVING of NULL",
            having(GroupFilter::IsNull(Agg::Min(Col::Note))),
        ),
        named(
            "HAVING of groups of one shard key",
            Group {
                having: Some(compare(Agg::Count, Comparison::Gt, 2)),
                orders: vec![by_count],
                limit: Some(7),
                offset: Some(1),
                ..group(GroupKeys::UserIdFlag, Gives::Floats)
            },
        ),
        named(
            "groups of capitals and small letters",
            group(GroupKeys::Name, Gives::Count),
        ),
        named(
            "zeroes of both signs are one group",
            group(GroupKeys::WeightRatio, Gives::Count),
        ),
        named(
            "a mean is a sum by a count",
            group(GroupKeys::Nothing, Gives::Floats),
        ),
        named(
            "groups by parts of a time",
            group(GroupKeys::YearHour, Gives::Exact),
        ),
        named(
            "groups by buckets and remainders, in their order",
            Group {
                orders: vec![GroupTerm::Key(1, true, Nulls::First)],
                limit: Some(5),
                ..group(GroupKeys::BucketModulo, Gives::Count)
            },
        ),
        named(
            "groups by a condition",
            group(GroupKeys::HighFlag, Gives::Floats),
        ),
        named(
            "groups by the shard key and a year",
            group(GroupKeys::UserIdYear, Gives::Distincts),
        ),
        named(
            "aggregates of everything",
            group(GroupKeys::Nothing, Gives::Exact),
        ),
    ]
}

fn distinct_aggregates() -> Vec<(&'static str, Case)> {
    let named = |name, group| (name, everywhere(Of::Groups(group)));
    vec![
        named(
            "distinct counts of everything",
            group(GroupKeys::Nothing, Gives::Distincts),
        ),
        named(
            "distinct counts beside sums",
            group(GroupKeys::AtLevel, Gives::Distincts),
        ),
        named(
            "distinct counts of what is grouped by",
            group(GroupKeys::Name, Gives::Distincts),
        ),
        named(
            "distinct counts of groups of one shard key",
            group(GroupKeys::UserIdFlag, Gives::Distincts),
        ),
        named(
            "an order by a distinct count",
            Group {
                orders: vec![GroupTerm::Aggregate(
                    Agg::Distinct(Col::Note),
                    true,
                    Nulls::Default,
                )],
                limit: Some(2),
                ..group(GroupKeys::DataKind, Gives::Count)
            },
        ),
        named(
            "distinct rows in an order, with a limit",
            Group {
                orders: vec![GroupTerm::Key(1, true, Nulls::Last)],
                limit: Some(7),
                offset: Some(1),
                ..group(GroupKeys::NoteSeen, Gives::Distinct)
            },
        ),
        (
            "distinct rows of which all are NULL",
            Case {
                filters: vec![Condition::IsNull(Col::Note), Condition::IsNull(Col::Seen)],
                ..everywhere(Of::Groups(group(GroupKeys::NoteSeen, Gives::Distinct)))
            },
        ),
    ]
}
