//! The databases of a bed: fresh, and removed with it.

use shard_orm::Dialect;
use tempfile::TempDir;
use tokio::sync::OwnedMutexGuard;

use super::BedOptions;
use crate::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_mariadb_prefix_on, fresh_postgres,
    fresh_postgres_on, with_database,
};
use crate::scratch;
use crate::servers::{self, Pair, Rights};

/// Names of the loopback interface: one MariaDB server counts as several by them. Its namespaces have different
/// names, as their numbers are different.
const HOSTS: [&str; 4] = ["127.0.0.1", "localhost", "127.1", "127.0.1"];

/// Where a bed's data is.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) servers: Vec<String>,
    pub(super) replicas: Vec<String>,
    pub(super) default: String,
    pub(super) default_replica: Option<String>,
    pub(super) namespace: String,
    /// The name of the cluster: on MariaDB many beds share a server, and each is a cluster of its own.
    pub(super) cluster: String,
    /// What removes the data when it is dropped.
    _guards: Vec<Guard>,
    /// The servers of replicas that replicate; after the data, which is removed there.
    pub(super) pair: Option<OwnedMutexGuard<Pair>>,
}

#[derive(Debug)]
#[allow(dead_code)] // They are held, not read.
enum Guard {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
}

impl Places {
    pub(super) async fn make(options: &BedOptions) -> Self {
        match options.dialect {
            Dialect::Sqlite => sqlite(options),
            Dialect::Postgres if options.replicas => replicated_postgres(options).await,
            Dialect::Postgres => postgres(options).await,
            _ if options.replicas => replicated_mariadb(options).await,
            _ => mariadb(options).await,
        }
    }

    /// Waits until the replicas have all that was written by now; those of SQLite replicate nothing.
    pub(super) async fn replicated(&self) {
        if let Some(pair) = &self.pair {
            let done = pair.replica.has_all_of(&pair.primary).await;
            done.unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

fn sqlite(options: &BedOptions) -> Places {
    let folder = scratch::folder("bed");
    let url = |name: String| format!("sqlite://{}", folder.path().join(name).display());
    let numbers = || 0..options.servers;
    Places {
        servers: numbers().map(|n| url(format!("server-{n}"))).collect(),
        replicas: numbers()
            .filter(|_| options.replicas)
            .map(|n| url(format!("replica-{n}")))
            .collect(),
        default: url("default.db".to_owned()),
        default_replica: options
            .replicas
            .then(|| url("default-replica.db".to_owned())),
        namespace: "shop_{shard}".to_owned(),
        cluster: "test".to_owned(),
        _guards: vec![Guard::Folder(folder)],
        pair: None,
    }
}

async fn postgres(options: &BedOptions) -> Places {
    let mut guards = Vec::new();
    let mut servers = Vec::new();
    for number in 0..options.servers {
        let database = match &options.server_urls {
            Some(urls) => fresh_postgres_on(&urls[number as usize]).await,
            None => fresh_postgres().await,
        };
        servers.push(database.url().to_owned());
        guards.push(Guard::Postgres(database));
    }
    Places {
        // Beside the namespaces, in the schema `public`.
        default: servers[0].clone(),
        default_replica: None,
        servers,
        replicas: Vec::new(),
        namespace: "shop_{shard}".to_owned(),
        cluster: "test".to_owned(),
        _guards: guards,
        pair: None,
    }
}

async fn replicated_postgres(options: &BedOptions) -> Places {
    let pair = pair(options).await;
    let mut guards = Vec::new();
    let (mut servers, mut replicas) = (Vec::new(), Vec::new());
    for _ in 0..options.servers {
        let database = fresh_postgres_on(pair.primary.url()).await;
        let name = database.name();
        let own = format!("ALTER DATABASE {name} OWNER TO client");
        pair.primary.run(&own).await.unwrap();
        servers.push(with_database(&pair.primary.url_of(Rights::Ordinary), name));
        replicas.push(with_database(&pair.replica.url_of(Rights::Ordinary), name));
        guards.push(Guard::Postgres(database));
    }
    Places {
        default: servers[0].clone(),
        default_replica: replicas.first().cloned(),
        servers,
        replicas,
        namespace: "shop_{shard}".to_owned(),
        cluster: "test".to_owned(),
        _guards: guards,
        pair: Some(pair),
    }
}

async fn mariadb(options: &BedOptions) -> Places {
    let mut guards = Vec::new();
    let (servers, prefix) = match &options.server_urls {
        Some(urls) => {
            let prefix = fresh_mariadb_prefix_on(&urls[0]).await;
            let name = prefix.prefix().to_owned();
            guards.push(Guard::MariaDb(prefix));
            for url in &urls[1..] {
                guards.push(Guard::MariaDb(MariaDbPrefix::new(url, &name)));
            }
            (urls.clone(), name)
        }
        None => {
            let prefix = fresh_mariadb_prefix().await;
            let servers = hosts(options, prefix.url());
            let name = prefix.prefix().to_owned();
            guards.push(Guard::MariaDb(prefix));
            (servers, name)
        }
    };
    let first = MariaDbPrefix::new(&servers[0], &prefix);
    let default = first.create_database("main").await;
    guards.push(Guard::MariaDb(first));
    Places {
        namespace: format!("{prefix}shop_{{shard}}"),
        cluster: format!("{prefix}test"),
        servers,
        replicas: Vec::new(),
        default,
        default_replica: None,
        _guards: guards,
        pair: None,
    }
}

async fn replicated_mariadb(options: &BedOptions) -> Places {
    let pair = pair(options).await;
    let prefix = fresh_mariadb_prefix_on(pair.primary.url()).await;
    prefix.create_database("main").await;
    let (name, main) = (prefix.prefix(), format!("{}main", prefix.prefix()));
    let primary = pair.primary.url_of(Rights::Ordinary);
    let replica = pair.replica.url_of(Rights::Ordinary);
    Places {
        namespace: format!("{name}shop_{{shard}}"),
        cluster: format!("{name}test"),
        servers: hosts(options, &primary),
        replicas: hosts(options, &replica),
        default: with_database(&primary, &main),
        default_replica: Some(with_database(&replica, &main)),
        _guards: vec![Guard::MariaDb(prefix)],
        pair: Some(pair),
    }
}

/// The addresses of one server by several names.
fn hosts(options: &BedOptions, url: &str) -> Vec<String> {
    HOSTS[..options.servers as usize]
        .iter()
        .map(|host| url.replace(HOSTS[0], host))
        .collect()
}

async fn pair(options: &BedOptions) -> OwnedMutexGuard<Pair> {
    assert!(
        options.server_urls.is_none(),
        "replicas are on servers of their own"
    );
    servers::pair(options.dialect)
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}
