//! Two namespaces on a server, the second of them empty.

use std::collections::BTreeMap;

use shard_orm::Dialect;
use shard_orm::testing::namespace::Namespace;
use shard_orm_tests::database::{
    MariaDbPrefix, PostgresDatabase, fresh_mariadb_prefix, fresh_postgres,
};
use shard_orm_tests::scratch;
use tempfile::TempDir;

/// What is read of a namespace, by the field of the structure.
pub(crate) type Contents = BTreeMap<&'static str, Vec<String>>;

/// The fields whose statements create a namespace, in their order.
const STEPS: [&str; 7] = [
    "create",
    "indexes",
    "foreign_keys",
    "validate",
    "programs",
    "triggers",
    "privileges",
];

/// A source and an empty target, and a namespace of static tables where one server has several.
pub(crate) struct Pair {
    pub(crate) source: Namespace,
    pub(crate) target: Namespace,
    pub(crate) statics: Option<String>,
    #[allow(dead_code)] // Held, not read.
    guard: Guard,
}

#[allow(dead_code)] // Held, not read.
enum Guard {
    Folder(TempDir),
    Postgres(PostgresDatabase),
    MariaDb(MariaDbPrefix),
}

impl Pair {
    /// Makes the namespaces; `setup` fills the source. In it `{source}` and `{statics}` stand for names.
    pub(crate) async fn new(dialect: Dialect, setup: &str) -> Self {
        let mut pair = match dialect {
            Dialect::Sqlite => Self::sqlite().await,
            Dialect::Postgres => Self::postgres().await,
            Dialect::MySql => Self::mysql().await,
        };
        let statics = pair.statics.clone().unwrap_or_default();
        let setup = setup.replace("{source}", pair.source.name());
        let setup = setup.replace("{statics}", &statics);
        // One by one, as MariaDB ends no body of a trigger at a semicolon; blank lines divide them.
        for statement in setup.split("\n\n") {
            let done = pair.source.run(statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        pair
    }

    async fn sqlite() -> Self {
        let folder = scratch::folder("contents");
        let open = async |name: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, "").unwrap();
            Namespace::open(Dialect::Sqlite, "", Some(file), name)
                .await
                .unwrap()
        };
        Self {
            source: open("source").await,
            target: open("target").await,
            statics: None,
            guard: Guard::Folder(folder),
        }
    }

    async fn postgres() -> Self {
        let database = fresh_postgres().await;
        let open = async |name: &str| {
            Namespace::open(Dialect::Postgres, database.url(), None, name)
                .await
                .unwrap()
        };
        let mut source = open("a source").await;
        source
            .run("CREATE SCHEMA \"a source\"; CREATE SCHEMA target; CREATE SCHEMA statics")
            .await
            .unwrap();
        Self {
            source,
            target: open("target").await,
            statics: Some("statics".to_owned()),
            guard: Guard::Postgres(database),
        }
    }

    async fn mysql() -> Self {
        let prefix = fresh_mariadb_prefix().await;
        let open = async |name: &str| {
            prefix.create_database(name).await;
            let name = format!("{}{name}", prefix.prefix());
            Namespace::open(Dialect::MySql, prefix.url(), None, &name)
                .await
                .unwrap()
        };
        let (source, target) = (open("source").await, open("target").await);
        let mut statics = open("statics").await;
        let name = statics.name().to_owned();
        statics
            .run("CREATE TABLE airline (code varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY)")
            .await
            .unwrap();
        Self {
            source,
            target,
            statics: Some(name),
            guard: Guard::MariaDb(prefix),
        }
    }

    /// Reads the source, as it is created in the target.
    pub(crate) async fn read(&mut self) -> Contents {
        let target = self.target.name().to_owned();
        let read = self.source.contents(&target, self.statics.as_deref()).await;
        read.unwrap()
    }

    /// Reads the source, creates it in the target, and checks that the same is read there.
    pub(crate) async fn copy(&mut self) -> Contents {
        let contents = self.read().await;
        assert_eq!(contents["objections"], [""; 0]);
        for statement in STEPS.iter().flat_map(|step| &contents[step]) {
            let done = self.target.run(statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        let name = self.target.name().to_owned();
        let again = self.target.contents(&name, self.statics.as_deref()).await;
        let again = again.unwrap();
        for (field, expected) in &contents {
            assert_eq!(&again[field], expected, "{field}");
        }
        contents
    }
}
