//! The order of rows that refer to rows of the same table.
//!
//! A row is inserted after those that it refers to, and deleted before them. PostgreSQL and SQLite check
//! that at the end of a statement, MySQL and MariaDB at each row.

use std::collections::{HashMap, HashSet, VecDeque};

use sea_query::Value;

use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of, picked};
use super::location::TableLocation;
use crate::backend::inspect::{Direction, Shape};
use crate::error::Result;
use crate::schema::TableDef;

/// A foreign key of a table to itself, by the ordinals of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelfReference {
    /// The columns that refer.
    pub(crate) from: Vec<usize>,
    /// The columns that they refer to.
    pub(crate) to: Vec<usize>,
}

/// The foreign keys of a copy to itself. One with a column outside of the definition is ignored.
pub(crate) fn self_references(def: &TableDef, shape: &Shape) -> Vec<SelfReference> {
    let ordinal = |name: &str| def.ordinal(name);
    let keys = shape.foreign_keys.iter();
    keys.filter(|key| key.direction == Direction::Own)
        .filter_map(|key| {
            let columns = key.columns.iter();
            let pairs = columns
                .map(|(from, to)| Some((ordinal(from)?, ordinal(to.as_deref()?)?)))
                .collect::<Option<Vec<_>>>()?;
            let (from, to) = pairs.into_iter().unzip();
            Some(SelfReference { from, to })
        })
        .collect()
}

/// The values that a row is referred to by: the number of the foreign key, and the values as bytes.
pub(crate) type Name = (usize, Vec<u8>);

/// A row in the graph of references.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) names: Vec<Name>,
    /// The names that it refers to, with the values in the types of the columns referred to.
    pub(crate) refers_to: Vec<(Name, Vec<Value>)>,
}

impl Node {
    pub(crate) fn of(def: &TableDef, keys: &[SelfReference], cells: &[Value]) -> Result<Self> {
        let (mut names, mut refers_to) = (Vec::new(), Vec::new());
        for (number, key) in keys.iter().enumerate() {
            names.push((number, bytes_of(&picked(&key.to, cells))?));
            let pairs = key.from.iter().zip(&key.to);
            let values = pairs
                .map(|(from, to)| {
                    let like = def.columns[*to].null()?;
                    Ok(in_the_type_of(&like, &cells[*from]))
                })
                .collect::<Result<Option<Vec<Value>>>>()?;
            // With a NULL in it, it refers to nothing.
            if let Some(values) = values {
                refers_to.push(((number, bytes_of(&values)?), values));
            }
        }
        Ok(Self { names, refers_to })
    }
}

/// A value in the type of another; `None` for NULL, and when the type cannot hold it.
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

/// The positions of rows, those referred to first; then of the rows that have no such place, since they
/// refer to `outside`, to each other in a cycle, or to one of these.
pub(crate) fn order<'n>(
    nodes: impl ExactSizeIterator<Item = &'n Node> + Clone,
    outside: &HashSet<Name>,
) -> (Vec<usize>, Vec<usize>) {
    let mut by_name: HashMap<&Name, usize> = HashMap::new();
    for (position, node) in nodes.clone().enumerate() {
        by_name.extend(node.names.iter().map(|name| (name, position)));
    }
    let count = nodes.len();
    let mut waits_for = vec![0_usize; count];
    let mut referring: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (position, node) in nodes.enumerate() {
        for (name, _) in &node.refers_to {
            match by_name.get(name) {
                // A row that refers to itself waits for nothing.
                Some(other) if *other == position => {}
                Some(other) => {
                    waits_for[position] += 1;
                    referring[*other].push(position);
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
        for other in &referring[position] {
            waits_for[*other] -= 1;
            if waits_for[*other] == 0 {
                ready.push_back(*other);
            }
        }
    }
    let rest = (0..count).filter(|one| waits_for[*one] > 0).collect();
    (placed, rest)
}

/// Changes in an order that the foreign keys accept: deleted rows before those that they refer to, other
/// rows after those that they refer to. Reads the rows at the copy that are to be deleted.
pub(crate) async fn in_order(
    copy: &TableLocation,
    keys: &[SelfReference],
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
    let def = copy.def();
    if gone.len() > 1 {
        let mut nodes = Vec::new();
        let mut present = Vec::new();
        for some in gone.chunks(KEYS_PER_STATEMENT) {
            let mut select = copy.select_all();
            select.and_where_option(one_of(def, some));
            for cells in copy.read_rows(None, &select).await? {
                nodes.push(Node::of(def, keys, &cells)?);
                present.push(key_of(def, &cells));
            }
        }
        let (placed, rest) = order(nodes.iter(), &HashSet::new());
        // Missing rows are deleted as well: another writer may have inserted one meanwhile.
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

    fn node(id: u8, refers_to: &[u8]) -> Node {
        Node {
            names: vec![(0, vec![id])],
            refers_to: refers_to
                .iter()
                .map(|to| ((0, vec![*to]), Vec::new()))
                .collect(),
        }
    }

    #[test]
    fn referenced_rows_come_first() {
        let nodes = [node(1, &[2]), node(2, &[3]), node(3, &[3]), node(4, &[9])];
        let (placed, rest) = order(nodes.iter(), &HashSet::new());
        assert_eq!(placed, [2, 3, 1, 0]);
        assert!(rest.is_empty());
    }

    #[test]
    fn cycles_and_references_to_them_or_outside_have_no_place() {
        let nodes = [node(1, &[2]), node(2, &[1]), node(3, &[1]), node(4, &[9])];
        let outside = HashSet::from([(0, vec![9])]);
        let (placed, rest) = order(nodes.iter(), &outside);
        assert!(placed.is_empty());
        assert_eq!(rest, [0, 1, 2, 3]);
    }

    #[test]
    fn integers_are_compared_in_the_type_that_they_refer_to() {
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
