//! Opens the cluster in an empty folder, and fills it with the rows of a bank.

use std::error::Error;
use std::path::Path;

use shard_orm::Cluster;
use shard_orm::catalog::Document;
use shard_orm::config::Config;
use shard_orm::prelude::*;

use crate::ledger::Ledger;
use crate::model::{Account, Login, Transfer};

/// The group of the models.
pub(crate) const GROUP: &str = "bank";
/// The number of customers, from 0.
pub(crate) const CUSTOMERS: i64 = 600;
/// The numbers of a customer's accounts.
pub(crate) const ACCOUNTS: [i64; 2] = [1, 2];
/// The balance of each account before the first transfer, in cents.
pub(crate) const OPENING_BALANCE: i64 = 1_000_000;
/// The number of earlier logins of a customer, which give a move something to copy.
const EARLIER_LOGINS: i64 = 500;
/// The lowest id of later rows.
pub(crate) const FIRST_ID: i64 = CUSTOMERS * EARLIER_LOGINS;

const CONFIGURATION: &str = include_str!("../shard-orm.toml");

/// The cluster, as two processes have it: they share the servers and the catalog, and nothing else.
#[derive(Debug)]
pub(crate) struct Bank {
    /// The process that serves customers.
    pub(crate) application: Cluster,
    /// The process that changes servers and moves logical shards.
    pub(crate) operator: Cluster,
    /// The rows that were written so far.
    pub(crate) ledger: Ledger,
}

impl Bank {
    /// Creates the catalog, the tables and their first rows.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let file = folder.join("shard-orm.toml");
        std::fs::write(&file, CONFIGURATION)?;

        let operator = Cluster::connect(&Config::from_file(&file)?.unlisted()).await?;
        let document = Document::of_configuration(CONFIGURATION)?;
        operator
            .catalog()?
            .initialize(&document.to_string())
            .await?;

        let application = Cluster::open(&file).await?;
        application
            .setup()
            .table::<Account>()
            .table::<Transfer>()
            .table::<Login>()
            .run()
            .await?;
        let ledger = fill(&application).await?;
        Ok(Self {
            application,
            operator,
            ledger,
        })
    }
}

async fn fill(cluster: &Cluster) -> shard_orm::Result<Ledger> {
    let accounts = (0..CUSTOMERS).flat_map(|customer| {
        ACCOUNTS.map(|number| Account {
            customer,
            number,
            balance: OPENING_BALANCE,
        })
    });
    Account::insert_many(cluster, accounts.collect()).await?;
    let logins = (0..FIRST_ID).map(|id| Login {
        id,
        customer: id % CUSTOMERS,
    });
    Ok(Ledger {
        logins: Login::insert_many(cluster, logins.collect()).await?,
        transfers: Vec::new(),
    })
}
