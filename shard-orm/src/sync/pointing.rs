//! Rows of a table that point to rows of the same table: which come before which.
//!
//! A row is inserted after those that it points to, and deleted before them. PostgreSQL and SQLite
//! look at the end of a statement whether that holds, MySQL and MariaDB at each row.

use std::collections::{HashMap, HashSet, VecDeque};

use sea_query::Value;

use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of};
use super::source::{read_rows, select};
use super::status::StatusRow;
use crate::backend::inspect::{Direction, Shape};
use crate::error::Result;
use crate::exec::Executor as _;
use crate::model::ModelDef;

/// A foreign key of a table to itself, by the ordinals of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnKey {
    /// The columns that point.
    pub(super) from: Vec<usize>,
    /// The columns that are pointed to.
    pub(super) to: Vec<usize>,
}

/// The foreign keys that a copy has to itself. One with a column that is none of the model's says
/// nothing of the model's rows.
pub(super) fn own_keys(def: &ModelDef, shape: &Shape) -> Vec<OwnKey> {
    let ordinal = |name: &str| {
        let mut columns = def.columns.iter();
        columns.position(|column| column.name.eq_ignore_ascii_case(name))
    };
    let keys = shape.foreign_keys.iter();
    keys.filter(|key| key.direction == Direction::Own)
        .filter_map(|key| {
            let columns = key.columns.iter();
            let pairs = columns
                .map(|(from, to)| Some((ordinal(from)?, ordinal(to.as_deref()?)?)))
                .collect::<Option<Vec<_>>>()?;
            let (from, to) = pairs.into_iter().unzip();
            Some(OwnKey { from, to })
        })
        .collect()
}

/// Values by which rows are pointed to, as bytes: of which key, and what they are.
pub(super) type Name = (usize, Vec<u8>);

/// What a row points to, and what it is pointed to by.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) names: Vec<Name>,
    /// With the values, in the types of the columns that are pointed to.
    pub(super) points: Vec<(Name, Vec<Value>)>,
}

impl Node {
    pub(super) fn of(def: &ModelDef, keys: &[OwnKey], cells: &[Value]) -> Result<Self> {
        let (mut names, mut points) = (Vec::new(), Vec::new());
        for (number, key) in keys.iter().enumerate() {
            let name: Vec<Value> = key.to.iter().map(|one| cells[*one].clone()).collect();
            names.push((number, bytes_of(&name)?));
            let pairs = key.from.iter().zip(&key.to);
            let pointed = pairs
                .map(|(from, to)| {
                    let like = def.columns[*to].null()?;
                    Ok(in_the_type_of(&like, &cells[*from]))
                })
                .collect::<Result<Option<Vec<Value>>>>()?;
            // With a NULL in it, it points to nothing.
            if let Some(pointed) = pointed {
                points.push(((number, bytes_of(&pointed)?), pointed));
            }
        }
        Ok(Self { names, points })
    }
}

/// A value as one of the same type as another; `None` of NULL, and when it is none of that type.
fn in_the_type_of(like: &Value, value: &Value) -> Option<Value> {
    if std::mem::discriminant(like) == std::mem::discriminant(value) {
        return (!is_null(value)).then(|| value.clone());
    }
    let whole = match value {
        Value::TinyInt(value) => i128::from((*value)?),
        Value::SmallInt(value) => i128::from((*value)?),
        Value::Int(value) => i128::from((*value)?),
        Value::BigInt(value) => i128::from((*value)?),
        Value::TinyUnsigned(value) => i128::from((*value)?),
        Value::SmallUnsigned(value) => i128::from((*value)?),
        Value::Unsigned(value) => i128::from((*value)?),
        Value::BigUnsigned(value) => i128::from((*value)?),
        _ => return None,
    };
    Some(match like {
        Value::TinyInt(_) => Value::TinyInt(Some(whole.try_into().ok()?)),
        Value::SmallInt(_) => Value::SmallInt(Some(whole.try_into().ok()?)),
        Value::Int(_) => Value::Int(Some(whole.try_into().ok()?)),
        Value::BigInt(_) => Value::BigInt(Some(whole.try_into().ok()?)),
        Value::TinyUnsigned(_) => Value::TinyUnsigned(Some(whole.try_into().ok()?)),
        Value::SmallUnsigned(_) => Value::SmallUnsigned(Some(whole.try_into().ok()?)),
        Value::Unsigned(_) => Value::Unsigned(Some(whole.try_into().ok()?)),
        Value::BigUnsigned(_) => Value::BigUnsigned(Some(whole.try_into().ok()?)),
        _ => return None,
    })
}

fn is_null(value: &Value) -> bool {
    *value == value.as_null()
}

/// The positions of rows, those that are pointed to first; and of those that have no such place,
/// since they point to what is `outside`, to each other in a circle, or to one of these.
pub(super) fn order<'n>(
    nodes: impl ExactSizeIterator<Item = &'n Node> + Clone,
    outside: &HashSet<Name>,
) -> (Vec<usize>, Vec<usize>) {
    let mut by_name: HashMap<&Name, usize> = HashMap::new();
    for (position, node) in nodes.clone().enumerate() {
        by_name.extend(node.names.iter().map(|name| (name, position)));
    }
    let count = nodes.len();
    let mut waits_for = vec![0_usize; count];
    let mut pointing: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (position, node) in nodes.enumerate() {
        for (name, _) in &node.points {
            match by_name.get(name) {
                // A row that points to itself waits for nothing.
                Some(other) if *other == position => {}
                Some(other) => {
                    waits_for[position] += 1;
                    pointing[*other].push(position);
                }
                // It is never counted down.
                None if outside.contains(name) => waits_for[position] += 1,
                None => {}
            }
        }
    }
    let mut ready: VecDeque<usize> = (0..count).filter(|one| waits_for[*one] == 0).collect();
    let mut placed = Vec::with_capacity(count);
    while let Some(position) = ready.pop_front() {
        placed.push(position);
        for other in &pointing[position] {
            waits_for[*other] -= 1;
            if waits_for[*other] == 0 {
                ready.push_back(*other);
            }
        }
    }
    let rest = (0..count).filter(|one| waits_for[*one] > 0).collect();
    (placed, rest)
}

/// Changes in an order in which each gets through: rows that go before those that they point to,
/// rows that come after those that they point to. Reads the rows at the copy that are to go.
pub(super) async fn in_order(
    status: &StatusRow,
    keys: &[OwnKey],
    changes: Vec<Change>,
) -> Result<Vec<Change>> {
    let mut gone: Vec<Vec<Value>> = Vec::new();
    let mut put = Vec::new();
    for change in changes {
        match change {
            Change::Delete(key) => gone.push(key),
            Change::Put(cells) => put.push(cells),
        }
    }
    let def = status.def;
    if gone.len() > 1 {
        let mut nodes = Vec::new();
        let mut present = Vec::new();
        for some in gone.chunks(KEYS_PER_STATEMENT) {
            let mut select = select(def, &status.handle);
            select.and_where_option(one_of(def, some));
            let on = status.cluster.read_from(crate::Read::Primary);
            for cells in read_rows(on.target(), &status.handle, def, &select).await? {
                nodes.push(Node::of(def, keys, &cells)?);
                present.push(key_of(def, &cells));
            }
        }
        let (placed, rest) = order(nodes.iter(), &HashSet::new());
        // What is not there is deleted as well: whoever counts on it may have put it meanwhile.
        let there: HashSet<Vec<u8>> = present
            .iter()
            .map(|key| bytes_of(key))
            .collect::<Result<_>>()?;
        let mut ordered: Vec<Vec<Value>> = placed
            .into_iter()
            .rev()
            .chain(rest)
            .map(|position| present[position].clone())
            .collect();
        for key in gone {
            if !there.contains(&bytes_of(&key)?) {
                ordered.push(key);
            }
        }
        gone = ordered;
    }
    let nodes = put
        .iter()
        .map(|cells| Node::of(def, keys, cells))
        .collect::<Result<Vec<_>>>()?;
    let (placed, rest) = order(nodes.iter(), &HashSet::new());
    let mut put: Vec<Option<Vec<Value>>> = put.into_iter().map(Some).collect();
    let ordered = placed.into_iter().chain(rest);
    let put = ordered.filter_map(|position| put[position].take());
    let gone = gone.into_iter().map(Change::Delete);
    Ok(gone.chain(put.map(Change::Put)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u8, points: &[u8]) -> Node {
        Node {
            names: vec![(0, vec![id])],
            points: points
                .iter()
                .map(|to| ((0, vec![*to]), Vec::new()))
                .collect(),
        }
    }

    #[test]
    fn what_is_pointed_to_comes_first() {
        let nodes = [node(1, &[2]), node(2, &[3]), node(3, &[3]), node(4, &[9])];
        let (placed, rest) = order(nodes.iter(), &HashSet::new());
        assert_eq!(placed, [2, 3, 1, 0]);
        assert!(rest.is_empty());
    }

    #[test]
    fn circles_and_what_points_to_them_or_outside_have_no_place() {
        let nodes = [node(1, &[2]), node(2, &[1]), node(3, &[1]), node(4, &[9])];
        let outside = HashSet::from([(0, vec![9])]);
        let (placed, rest) = order(nodes.iter(), &outside);
        assert!(placed.is_empty());
        assert_eq!(rest, [0, 1, 2, 3]);
    }

    #[test]
    fn integers_of_other_widths_are_compared_as_what_they_point_to() {
        let like = Value::BigInt(None);
        let found = in_the_type_of(&like, &Value::Int(Some(7)));
        assert_eq!(found, Some(Value::BigInt(Some(7))));
        assert_eq!(in_the_type_of(&like, &Value::Int(None)), None);
        assert_eq!(in_the_type_of(&like, &Value::BigInt(None)), None);
        assert_eq!(
            in_the_type_of(&Value::TinyInt(None), &Value::Int(Some(300))),
            None
        );
    }
}
