//! What clients saw of lists to which transactions append, and whether it can have happened one transaction after the
//! other.
//!
//! After Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (2020): the order of
//! a list's elements is the order in which they were written. So a read tells which transactions were before it and
//! which after; a circle of such orders, or one that runs against the clock, is an anomaly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Instant;

/// An element, which is appended once.
pub type Element = u32;

/// What a transaction did with a list.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Appended an element.
    Append(i64, Element),
    /// Read all elements.
    Read(i64, Vec<Element>),
}

/// How a transaction ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its commit was acknowledged.
    Committed,
    /// It has had no effect.
    Failed,
    /// The answer to its commit was lost.
    Unknown,
}

/// A transaction.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What it did, in its order.
    pub operations: Vec<Operation>,
    /// Before it began.
    pub begun: Instant,
    /// After it had ended.
    pub ended: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

/// The elements of each list.
pub type Lists = BTreeMap<i64, Vec<Element>>;

/// Something that cannot have happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// An element is in a list twice.
    Doubled(i64, Element),
    /// An element was acknowledged, and is not in its list.
    Lost(i64, Element),
    /// An element is in a list to which no transaction appended it with success.
    Invented(i64, Element),
    /// A read saw elements in another order than the list has, or without one before them.
    NotABeginning(i64, Vec<Element>),
    /// Each of these transactions was before the next one, and the last one before the first.
    Circle(Vec<usize>),
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Checks that the transactions can have run one after the other, in an order that agrees with the clock, and have left
/// these lists.
///
/// # Errors
/// With the first anomaly.
pub fn check(transactions: &[Transaction], lists: &Lists) -> Result<(), Anomaly> {
    let writers = writers(transactions, lists)?;
    let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); transactions.len()];
    let mut order = |before: Option<usize>, later: Option<usize>| {
        if let (Some(before), Some(later)) = (before, later)
            && before != later
        {
            after[before].insert(later);
        }
    };
    for (list, elements) in lists {
        let writer = |at: usize| elements.get(at).map(|element| writers[&(*list, *element)]);
        for at in 1..elements.len() {
            order(writer(at - 1), writer(at));
        }
    }
    for (reader, transaction) in transactions.iter().enumerate() {
        if transaction.outcome != Outcome::Committed {
            continue;
        }
        for operation in &transaction.operations {
            let Operation::Read(list, read) = operation else {
                continue;
            };
            let elements = lists.get(list).map_or(&[][..], Vec::as_slice);
            if !elements.starts_with(read) {
                return Err(Anomaly::NotABeginning(*list, read.clone()));
            }
            let writer = |at: usize| elements.get(at).map(|element| writers[&(*list, *element)]);
            order(read.len().checked_sub(1).and_then(writer), Some(reader));
            // What comes next was appended later; an own element was appended after the read.
            order(Some(reader), writer(read.len()));
        }
    }
    for (earlier, transaction) in transactions.iter().enumerate() {
        if transaction.outcome != Outcome::Committed {
            continue;
        }
        for (later, other) in transactions.iter().enumerate() {
            let counts = other.outcome == Outcome::Committed || !after[later].is_empty();
            if counts && transaction.ended < other.begun {
                after[earlier].insert(later);
            }
        }
    }
    circle(&after).map_or(Ok(()), |found| Err(Anomaly::Circle(found)))
}

/// The transaction that appended each element of the lists.
fn writers(
    transactions: &[Transaction],
    lists: &Lists,
) -> Result<HashMap<(i64, Element), usize>, Anomaly> {
    let mut writers = HashMap::new();
    let mut present = BTreeSet::new();
    for (list, elements) in lists {
        for element in elements {
            if !present.insert((*list, *element)) {
                return Err(Anomaly::Doubled(*list, *element));
            }
        }
    }
    for (number, transaction) in transactions.iter().enumerate() {
        for operation in &transaction.operations {
            let Operation::Append(list, element) = operation else {
                continue;
            };
            let is_present = present.contains(&(*list, *element));
            match transaction.outcome {
                Outcome::Committed if !is_present => return Err(Anomaly::Lost(*list, *element)),
                Outcome::Failed => {}
                Outcome::Committed | Outcome::Unknown => {
                    writers.insert((*list, *element), number);
                }
            }
        }
    }
    let invented = present.iter().find(|found| !writers.contains_key(found));
    match invented {
        Some((list, element)) => Err(Anomaly::Invented(*list, *element)),
        None => Ok(writers),
    }
}

/// Numbers of which each is before the next one, and the last one before the first.
fn circle(after: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut before = vec![0_usize; after.len()];
    for later in after.iter().flatten() {
        before[*later] += 1;
    }
    let mut free: Vec<usize> = (0..after.len()).filter(|one| before[*one] == 0).collect();
    let mut left: BTreeSet<usize> = (0..after.len()).collect();
    while let Some(one) = free.pop() {
        left.remove(&one);
        for later in &after[one] {
            before[*later] -= 1;
            if before[*later] == 0 {
                free.push(*later);
            }
        }
    }
    // Each that is left has one before it that is left: backwards, some comes twice.
    let mut path = vec![*left.first()?];
    loop {
        let last = path.last()?;
        let previous = *left.iter().find(|one| after[**one].contains(last))?;
        if let Some(at) = path.iter().position(|one| *one == previous) {
            let mut found = path.split_off(at);
            found.reverse();
            return Some(found);
        }
        path.push(previous);
    }
}

#[cfg(test)]
mod tests {
    use super::Operation::{Append, Read};
    use super::*;
    use std::time::Duration;

    /// Transactions that all ran at the same time, unless the numbers say otherwise.
    fn at(from: u64, to: u64, outcome: Outcome, operations: Vec<Operation>) -> Transaction {
        static ZERO: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let zero = *ZERO.get_or_init(Instant::now);
        Transaction {
            operations,
            begun: zero + Duration::from_secs(from),
            ended: zero + Duration::from_secs(to),
            outcome,
        }
    }

    fn done(operations: Vec<Operation>) -> Transaction {
        at(0, 100, Outcome::Committed, operations)
    }

    fn lists(of: &[(i64, &[Element])]) -> Lists {
        of.iter().map(|(list, of)| (*list, of.to_vec())).collect()
    }

    #[test]
    fn what_can_have_happened_is_accepted() {
        let history = [
            done(vec![Append(1, 1), Append(2, 2)]),
            done(vec![Read(1, vec![1]), Append(1, 3)]),
            done(vec![Read(1, vec![]), Read(2, vec![])]),
            at(0, 1, Outcome::Failed, vec![Append(1, 4)]),
            at(0, 1, Outcome::Unknown, vec![Append(1, 5)]),
            at(0, 1, Outcome::Unknown, vec![Append(1, 6)]),
        ];
        let last = lists(&[(1, &[1, 3, 5]), (2, &[2])]);
        assert_eq!(check(&history, &last), Ok(()));
    }

    #[test]
    fn elements_are_not_lost_doubled_or_invented() {
        let history = [
            done(vec![Append(1, 1)]),
            at(0, 1, Outcome::Failed, vec![Append(1, 2)]),
        ];
        assert_eq!(check(&history, &Lists::new()), Err(Anomaly::Lost(1, 1)));
        let twice = lists(&[(1, &[1, 1])]);
        assert_eq!(check(&history, &twice), Err(Anomaly::Doubled(1, 1)));
        let failed = lists(&[(1, &[1, 2])]);
        assert_eq!(check(&history, &failed), Err(Anomaly::Invented(1, 2)));
    }

    #[test]
    fn a_read_without_an_earlier_element_is_found() {
        let history = [
            done(vec![Append(1, 1)]),
            done(vec![Append(1, 2)]),
            done(vec![Read(1, vec![2])]),
        ];
        let last = lists(&[(1, &[1, 2])]);
        assert_eq!(
            check(&history, &last),
            Err(Anomaly::NotABeginning(1, vec![2]))
        );
    }

    #[test]
    fn a_stale_read_is_found() {
        let history = [
            at(0, 1, Outcome::Committed, vec![Append(1, 1)]),
            at(2, 3, Outcome::Committed, vec![Read(1, vec![])]),
        ];
        let found = check(&history, &lists(&[(1, &[1])]));
        assert!(matches!(found, Err(Anomaly::Circle(_))), "{found:?}");
    }

    #[test]
    fn two_transactions_that_do_not_see_each_other_are_found() {
        // Write skew: each reads the list to which the other one appends.
        let history = [
            done(vec![Read(1, vec![]), Append(2, 1)]),
            done(vec![Read(2, vec![]), Append(1, 2)]),
        ];
        let found = check(&history, &lists(&[(1, &[2]), (2, &[1])]));
        assert!(matches!(found, Err(Anomaly::Circle(_))), "{found:?}");
    }

    #[test]
    fn half_a_transaction_is_found() {
        let history = [
            done(vec![Append(1, 1), Append(2, 2)]),
            done(vec![Read(1, vec![1]), Read(2, vec![])]),
        ];
        let found = check(&history, &lists(&[(1, &[1]), (2, &[2])]));
        assert!(matches!(found, Err(Anomaly::Circle(_))), "{found:?}");
    }
}
