//! The statements for accounts and their privileges.
//!
//! Sent by `admin`, once to each server and for each of its namespaces.

use sea_query::{Alias, IntoTableRef as _};

use super::Credential;
use super::quote;
use crate::dialect::Dialect;

/// The privileges of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AccountRights {
    /// Reads and writes rows.
    Application,
    /// Reads rows.
    ReadOnly,
}

/// An account as SQL names it.
pub(crate) struct Grantee<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) name: &'a str,
    /// The hosts from which it connects, on MySQL and MariaDB: `%` for all.
    pub(crate) host: &'a str,
    pub(crate) rights: AccountRights,
}

/// The query whether an account exists. Its argument is the name. On MySQL and MariaDB, the statement
/// that creates one says `IF NOT EXISTS`, so nothing is asked.
pub(crate) fn account_exists(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite | Dialect::MySql => None,
        Dialect::Postgres => Some("SELECT rolname::text FROM pg_roles WHERE rolname = $1"),
    }
}

/// The statements that create an account, or set its password. Without a credential an account that
/// exists is left as it is.
pub(crate) fn create_account(
    grantee: &Grantee<'_>,
    exists: bool,
    credential: Option<&Credential>,
) -> Vec<String> {
    let name = grantee.quoted();
    let credential = credential.map_or("", |credential| &credential.text);
    match grantee.dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres if !exists => vec![format!("CREATE ROLE {name} LOGIN {credential}")],
        Dialect::Postgres if credential.is_empty() => Vec::new(),
        Dialect::Postgres => vec![format!("ALTER ROLE {name} LOGIN {credential}")],
        // MariaDB would create an account without a password by a grant. This fails if there is none.
        Dialect::MySql if credential.is_empty() => vec![format!("SHOW GRANTS FOR {name}")],
        Dialect::MySql => vec![
            format!("CREATE USER IF NOT EXISTS {name} {credential}"),
            format!("ALTER USER {name} {credential}"),
        ],
    }
}

/// The statements that let an account into a database of PostgreSQL, and see the state of its
/// replicas. MySQL and MariaDB need none.
pub(crate) fn grants_on_database(
    grantee: &Grantee<'_>,
    database: &str,
    has_replicas: bool,
) -> Vec<String> {
    if grantee.dialect != Dialect::Postgres {
        return Vec::new();
    }
    let name = grantee.quoted();
    let database = identifier(Dialect::Postgres, database);
    let mut grants = vec![format!("GRANT CONNECT ON DATABASE {database} TO {name}")];
    if has_replicas {
        // A standby shows its timeline to members alone.
        grants.push(format!("GRANT pg_read_all_stats TO {name}"));
    }
    grants
}

/// The statements that grant the privileges in one namespace, also on tables that this account
/// creates later. `records` are tables that it may only read. `is_source` says that static tables may
/// be copied from here.
///
/// MySQL and MariaDB grant by database, so that there `records` can be written as well.
pub(crate) fn grants(
    grantee: &Grantee<'_>,
    namespace: &str,
    records: &[String],
    is_source: bool,
) -> Vec<String> {
    let name = grantee.quoted();
    let dialect = grantee.dialect;
    let tables = match grantee.rights {
        AccountRights::Application => "SELECT, INSERT, UPDATE, DELETE",
        AccountRights::ReadOnly => "SELECT",
    };
    match dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres => {
            let schema = identifier(dialect, namespace);
            let mut grants = vec![
                format!("GRANT USAGE ON SCHEMA {schema} TO {name}"),
                format!("GRANT {tables} ON ALL TABLES IN SCHEMA {schema} TO {name}"),
                format!(
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {tables} ON TABLES TO {name}"
                ),
            ];
            if grantee.rights == AccountRights::Application {
                grants.push(format!(
                    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}"
                ));
                grants.push(format!(
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES \
                     TO {name}"
                ));
                for table in records {
                    let table = (Alias::new(namespace), Alias::new(table)).into_table_ref();
                    let table = quote(dialect, &table);
                    grants.push(format!(
                        "REVOKE INSERT, UPDATE, DELETE ON {table} FROM {name}"
                    ));
                }
            }
            grants
        }
        Dialect::MySql => {
            // `_` and `%` in the name of a database stand for any characters.
            let database = namespace.replace('\\', "\\\\");
            let database = database.replace('_', "\\_").replace('%', "\\%");
            let database = identifier(dialect, &database);
            // Triggers are seen by accounts with this privilege alone.
            let trigger = match grantee.rights {
                AccountRights::Application if is_source => ", TRIGGER",
                _ => "",
            };
            vec![format!("GRANT {tables}{trigger} ON {database}.* TO {name}")]
        }
    }
}

impl Grantee<'_> {
    fn quoted(&self) -> String {
        match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => identifier(self.dialect, self.name),
            Dialect::MySql => format!("{}@{}", text(self.name), text(self.host)),
        }
    }
}

fn identifier(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grantee(dialect: Dialect, rights: AccountRights) -> Grantee<'static> {
        Grantee {
            dialect,
            name: "app",
            host: "10.%",
            rights,
        }
    }

    #[test]
    fn a_grant_of_mysql_names_one_database() {
        let grantee = grantee(Dialect::MySql, AccountRights::Application);
        assert_eq!(
            grants(&grantee, "shop_3", &[], true),
            ["GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON `shop\\_3`.* TO 'app'@'10.%'"]
        );
    }

    #[test]
    fn a_reader_of_postgres_gets_nothing_to_write() {
        let grantee = grantee(Dialect::Postgres, AccountRights::ReadOnly);
        let records = ["shard_orm_namespace".to_owned()];
        let all = grants(&grantee, "shop_3", &records, true);
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|grant| !grant.contains("INSERT")), "{all:?}");
    }

    #[test]
    fn an_application_of_postgres_does_not_write_records() {
        let grantee = grantee(Dialect::Postgres, AccountRights::Application);
        let records = ["shard_orm_namespace".to_owned()];
        let all = grants(&grantee, "shop_3", &records, false);
        assert_eq!(
            all.last().map(String::as_str),
            Some(
                "REVOKE INSERT, UPDATE, DELETE ON \"shop_3\".\"shard_orm_namespace\" FROM \"app\""
            )
        );
    }
}
