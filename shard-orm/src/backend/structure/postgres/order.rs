//! The order in which objects are created: each after those that it uses.

use std::collections::{BTreeMap, BTreeSet};

/// The kind of an object. Where dependencies leave a choice, the order is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Type,
    /// Whether it belongs to a column.
    Sequence(bool),
    Table,
    Function,
    View,
}

impl Kind {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "type" => Self::Type,
            "sequence" => Self::Sequence(false),
            "owned sequence" | "identity" => Self::Sequence(true),
            "table" => Self::Table,
            "function" => Self::Function,
            "view" => Self::View,
            _ => return None,
        })
    }
}

/// An object with its statement. That of an identity's sequence is empty: the column creates it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) create: String,
}

/// The types, sequences and tables with everything that they use, and then the other objects. An edge is the key of an
/// object and the key of one that it uses. Circles exist through the bodies of functions alone, which are not checked.
pub(super) fn ordered<'i>(
    items: &'i [Item],
    edges: &[(&str, &str)],
) -> (Vec<&'i Item>, Vec<&'i Item>) {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by(|a, b| (a.kind, &a.name, &a.create).cmp(&(b.kind, &b.name, &b.create)));
    let places: BTreeMap<&str, usize> = (0..)
        .zip(&sorted)
        .map(|(at, item)| (&*item.key, at))
        .collect();
    let mut uses: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); sorted.len()];
    for (from, to) in edges {
        if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
            uses[*from].insert(*to);
        }
    }
    let mut reached = vec![false; sorted.len()];
    let mut order = Vec::new();
    let is_first = |at: &usize| sorted[*at].kind <= Kind::Table;
    for at in (0..sorted.len()).filter(is_first) {
        visit(at, &uses, &mut reached, &mut order);
    }
    let needed = order.len();
    for at in 0..sorted.len() {
        visit(at, &uses, &mut reached, &mut order);
    }
    let mut order: Vec<&Item> = order.into_iter().map(|at| sorted[at]).collect();
    let others = order.split_off(needed);
    (order, others)
}

/// Puts an object into the order, after those that it uses. The depth of a chain is not limited by the stack.
fn visit(from: usize, uses: &[BTreeSet<usize>], reached: &mut [bool], order: &mut Vec<usize>) {
    let mut open = vec![(from, false)];
    while let Some((at, is_done)) = open.pop() {
        if is_done {
            order.push(at);
        } else if !reached[at] {
            reached[at] = true;
            open.push((at, true));
            open.extend(uses[at].iter().rev().map(|used| (*used, false)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, key: &str) -> Item {
        Item {
            kind,
            key: key.to_owned(),
            name: key.to_owned(),
            create: String::new(),
        }
    }

    #[test]
    fn objects_come_after_those_that_they_use() {
        let items = [
            item(Kind::View, "a"),
            item(Kind::View, "b"),
            item(Kind::Function, "f"),
            item(Kind::Function, "g"),
            item(Kind::Table, "t"),
            item(Kind::Type, "e"),
        ];
        let edges = [
            ("a", "b"),
            ("b", "t"),
            ("t", "f"),
            ("f", "e"),
            ("g", "a"),
            ("b", "g"),
        ];
        let (needed, others) = ordered(&items, &edges);
        let keys = |items: Vec<&Item>| {
            items
                .iter()
                .map(|item| item.key.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(needed), ["e", "f", "t"]);
        assert_eq!(keys(others).len(), 3);
        let (_, others) = ordered(&items, &[("a", "b"), ("b", "g")]);
        assert_eq!(keys(others), ["f", "g", "b", "a"]);
    }
}
