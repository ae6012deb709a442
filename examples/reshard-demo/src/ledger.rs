//! The acknowledged writes, and their comparison with the rows of the cluster.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use shard_orm::prelude::*;

use crate::bank::{ACCOUNTS, CUSTOMERS, OPENING_BALANCE};
use crate::model::{Account, Login, Transfer};

/// The writes that were acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) logins: Vec<Login>,
    pub(crate) transfers: Vec<Transfer>,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// Rows that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Acknowledged rows that were not found.
    pub(crate) lost: usize,
    /// Rows that were found and never acknowledged, or found twice.
    pub(crate) unexpected: usize,
    /// Accounts whose balance is not that of the acknowledged transfers.
    pub(crate) wrong_balances: usize,
    /// The sum of all balances at the beginning, in cents.
    pub(crate) total_before: i64,
    /// The sum of all balances now, in cents.
    pub(crate) total: i64,
}

impl Ledger {
    /// The number of rows, with the accounts.
    pub(crate) fn rows(&self) -> usize {
        let accounts = usize::try_from(CUSTOMERS).unwrap_or_default() * ACCOUNTS.len();
        accounts + self.logins.len() + self.transfers.len()
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.logins.append(&mut other.logins);
        self.transfers.append(&mut other.transfers);
    }

    /// Compares the ledger with all rows, wherever their logical shards are now.
    pub(crate) async fn audit(self, cluster: &Cluster) -> shard_orm::Result<Audit> {
        let mut audit = Audit::default();
        let mut balances: HashMap<(i64, i64), i64> = HashMap::new();
        for customer in 0..CUSTOMERS {
            for number in ACCOUNTS {
                balances.insert((customer, number), OPENING_BALANCE);
            }
        }
        audit.total_before = balances.values().sum();
        for transfer in &self.transfers {
            let Transfer {
                customer, amount, ..
            } = *transfer;
            *balances
                .entry((customer, transfer.from_account))
                .or_default() -= amount;
            *balances.entry((customer, transfer.to_account)).or_default() += amount;
        }

        for account in Account::scatter().all(cluster).await? {
            audit.total += account.balance;
            let expected = balances.remove(&(account.customer, account.number));
            audit.wrong_balances += usize::from(expected != Some(account.balance));
        }
        // Accounts that were not found.
        audit.wrong_balances += balances.len();
        audit.compare(self.logins, Login::scatter().all(cluster).await?);
        audit.compare(self.transfers, Transfer::scatter().all(cluster).await?);
        Ok(audit)
    }
}

impl Audit {
    fn compare<T: Hash + Eq>(&mut self, acknowledged: Vec<T>, found: Vec<T>) {
        self.acknowledged += acknowledged.len();
        let mut missing: HashSet<T> = acknowledged.into_iter().collect();
        for row in found {
            self.unexpected += usize::from(!missing.remove(&row));
        }
        self.lost += missing.len();
    }

    /// Whether the rows are exactly those of the ledger.
    pub(crate) fn is_clean(&self) -> bool {
        self.lost == 0
            && self.unexpected == 0
            && self.wrong_balances == 0
            && self.total == self.total_before
    }
}

#[cfg(test)]
mod tests {
    use super::Audit;

    #[test]
    fn lost_and_unexpected_rows_are_counted() {
        let mut audit = Audit::default();
        audit.compare(vec![1, 2, 3], vec![3, 1, 2]);
        assert!(audit.is_clean());
        // 2 is lost, 4 was never acknowledged, and 1 is found twice.
        audit.compare(vec![1, 2], vec![1, 4, 1]);
        assert_eq!(
            (audit.acknowledged, audit.lost, audit.unexpected),
            (5, 1, 2)
        );
        assert!(!audit.is_clean());
    }
}
