//! Servers that are killed or cut off, each behind a network of its own, and a cluster on them.

use std::time::Duration;

use shard_orm::catalog::Document;
use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm::sqlx::{Connection as _, MySqlConnection};
use shard_orm_tests::fixture::DATABASE;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};

use crate::Order;

/// Two servers with logical shards, and one with the catalog.
pub(super) struct Bed {
    pub(super) servers: Vec<Server>,
    pub(super) home: String,
}

/// The name of the cluster.
pub(super) const NAME: &str = "outages";

impl Bed {
    /// With two logical shards, one on each of the first two servers.
    pub(super) async fn start(dialect: Dialect) -> Self {
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Server::start(dialect).await);
        }
        let urls: Vec<String> = servers.iter().map(Server::url).collect();
        let home = match dialect {
            Dialect::MySql => format!("{}/home", urls[2]),
            _ => urls[2].clone(),
        };
        let document = format!(
            "name = '{NAME}'\n[databases.{DATABASE}]\nprimary = '{home}'\n[groups.shop]\nlogical_shards = 2\n\
             namespace = 'outages_{{shard}}'\npool = {{ acquire_timeout = '2s' }}\n\
             [[groups.shop.servers]]\nname = 'server-0'\nprimary = '{}'\nshards = '0..1'\n\
             [[groups.shop.servers]]\nname = 'server-1'\nprimary = '{}'\nshards = '1..2'\n",
            urls[0], urls[1]
        );
        let bed = Self { servers, home };
        let operator = bed.process().await;
        let document = Document::of_configuration(&document).unwrap().to_string();
        let catalog = operator.catalog().unwrap();
        catalog.initialize(&document).await.unwrap();
        operator.close().await;
        bed.process()
            .await
            .setup()
            .table::<Order>()
            .run()
            .await
            .unwrap();
        bed
    }

    /// A process of the cluster.
    pub(super) async fn process(&self) -> Cluster {
        let catalog = config::Catalog::new(DATABASE)
            .poll(Duration::from_millis(100))
            .heartbeat(None);
        let config = Config::new(NAME)
            .database(DATABASE, Database::new(&self.home))
            .catalog(catalog);
        Cluster::connect(&config).await.unwrap()
    }
}

/// A server whose acknowledged commits outlive its process, behind a network that may fail.
pub(super) struct Server {
    process: Process,
    pub(super) relay: Relay,
}

enum Process {
    Postgres(PostgresServer),
    MariaDb(MariaDbServer),
}

/// What befalls a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outage {
    /// It is killed, and started again.
    Killed,
    /// Nothing comes through, and then all of it.
    Silent,
    /// Nothing comes through, and then connections end.
    CutOff,
    /// What is asked is done, but connections end instead of an answer.
    Unanswered,
}

impl Outage {
    pub(super) fn of(random: u64) -> Self {
        match random % 6 {
            0..3 => Self::Killed,
            3 => Self::Silent,
            4 => Self::CutOff,
            _ => Self::Unanswered,
        }
    }
}

impl Server {
    async fn start(dialect: Dialect) -> Self {
        let process = Process::start(dialect).await;
        let relay = Relay::to(process.url()).await;
        Self { process, relay }
    }

    /// Its URL, by way of the network.
    fn url(&self) -> String {
        let url = self.relay.url(self.process.url());
        match (&self.process, url.split_once('@')) {
            (Process::MariaDb(_), Some((_, place))) => {
                format!("mysql://catalog@{}", place.trim_end_matches('/'))
            }
            _ => url,
        }
    }

    pub(super) async fn suffer(&mut self, outage: Outage, time: Duration) {
        match outage {
            Outage::Killed => self.process.kill_and_restart(time).await,
            Outage::Silent | Outage::CutOff => {
                self.relay.hang(true);
                tokio::time::sleep(time).await;
                if let Outage::CutOff = outage {
                    self.relay.lead_to(self.process.url()).await;
                }
                self.relay.hang(false);
            }
            Outage::Unanswered => {
                self.relay.lose_answers(true);
                tokio::time::sleep(time).await;
                self.relay.lose_answers(false);
            }
        }
    }
}

impl Process {
    async fn start(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Postgres => {
                let settings = [("synchronous_commit", "on")];
                Self::Postgres(PostgresServer::start_with(&settings).await.unwrap())
            }
            _ => {
                let settings = [("innodb-flush-log-at-trx-commit", "1")];
                let server = MariaDbServer::start_with(&settings).await.unwrap();
                let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
                let account = "CREATE USER 'catalog'@'%' IDENTIFIED BY ''; GRANT ALL ON *.* TO 'catalog'@'%'; \
                     CREATE DATABASE home";
                shard_orm::sqlx::raw_sql(account)
                    .execute(&mut connection)
                    .await
                    .unwrap();
                Self::MariaDb(server)
            }
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Postgres(server) => server.url(),
            Self::MariaDb(server) => server.url(),
        }
    }

    async fn kill_and_restart(&mut self, after: Duration) {
        match self {
            Self::Postgres(server) => {
                server.kill9();
                tokio::time::sleep(after).await;
                server.restart().await.unwrap();
            }
            Self::MariaDb(server) => {
                server.kill9();
                tokio::time::sleep(after).await;
                server.restart().await.unwrap();
            }
        }
    }
}
