//! What a process tells the catalog of its tables: for operators, and for splits.

use crate::catalog::{Store, TableKey, TableUse};
use crate::cluster::Cluster;
use crate::error::Result;

impl Cluster {
    /// Reports the tables of a model to the catalog, if there is one.
    pub(crate) fn report_tables(&self, tables: &[TableUse], key: Option<TableKey>) {
        if let Some(follower) = self.follower() {
            follower.add_tables(tables, key);
        }
    }

    /// Records in the catalog, if there is one, by which columns the rows of these tables are routed.
    pub(crate) async fn record_keys(&self, keys: &[TableKey]) -> Result<()> {
        let Some(follower) = self.follower() else {
            return Ok(());
        };
        let handle = self.handle_of_database(&follower.options.database)?;
        let store = Store::new(&handle);
        match store.version().await? {
            Some(_) => store.report_keys(keys).await,
            // The catalog is to be initialized.
            None => Ok(()),
        }
    }
}
