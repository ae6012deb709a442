//! What an account may not do, and a move has to do; and transactions that would keep it from it.
//!
//! Called by `reshard` before a job begins.

use crate::dialect::Dialect;

/// Something that stands against a move, as the questions of this module name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// A table, view or sequence that belongs to another role.
    NotOwned,
    /// A prepared transaction, which may hold locks for any time.
    Prepared,
    /// The account may create no schema.
    NoSchemas,
    /// The account may create no database.
    NoDatabases,
    /// The server lets the account create no trigger, since it keeps a binary log.
    NoTriggers,
}

impl Hindrance {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "owner" => Self::NotOwned,
            "prepared" => Self::Prepared,
            "schema" => Self::NoSchemas,
            "database" => Self::NoDatabases,
            "trigger" => Self::NoTriggers,
            _ => return None,
        })
    }

    /// What is wrong, and what to do.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NotOwned => {
                "belongs to another role, and only its owner can create triggers and rename it: let the role of the \
                 move own it, or be a member of the role that does"
            }
            Self::Prepared => {
                "is a prepared transaction, which may keep tables locked for any time: commit it or roll it back"
            }
            Self::NoSchemas => "may create no schema: run `GRANT CREATE ON DATABASE .. TO ..`",
            Self::NoDatabases => {
                "may create no database: run `GRANT ALL ON *.* TO ..`, or grant it for names like that of the namespace"
            }
            Self::NoTriggers => {
                "may create no triggers, because the server keeps a binary log: set \
                 `log_bin_trust_function_creators = 1`, or grant `SUPER` (MariaDB: `BINLOG ADMIN`)"
            }
        }
    }
}

/// Objects of the source's namespace that cannot be moved, and transactions that are in the way. Each row has a
/// hindrance and a name.
const POSTGRES_SOURCE: &str = "SELECT 'owner'::text, c.relname::text FROM pg_class c \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v', 'S') \
     AND NOT pg_has_role(c.relowner, 'USAGE') \
     UNION ALL SELECT 'prepared', gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1, 2";
const POSTGRES_TARGET: &str = "SELECT 'schema'::text, current_user::text \
     WHERE NOT has_database_privilege(current_database(), 'CREATE')";
/// Whether the account has none of these rights on all databases, or on any. The rights of roles are not looked up: an
/// account with one is taken to have them all.
macro_rules! without {
    ($table:literal, $rights:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM information_schema.",
            $table,
            " WHERE PRIVILEGE_TYPE IN (",
            $rights,
            ") AND GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), ''''))\
             /*!80000 AND COALESCE(CURRENT_ROLE(), 'NONE') = 'NONE' */"
        )
    };
}
const MYSQL_SOURCE: &str = concat!(
    "SELECT 'trigger', CAST(CURRENT_USER() AS CHAR) FROM (SELECT 1) AS one \
     WHERE @@global.log_bin AND NOT @@global.log_bin_trust_function_creators AND ",
    without!("USER_PRIVILEGES", "'SUPER', 'BINLOG ADMIN'")
);
const MYSQL_TARGET: &str = concat!(
    "SELECT 'trigger', CAST(CURRENT_USER() AS CHAR) FROM (SELECT 1) AS one \
     WHERE @@global.log_bin AND NOT @@global.log_bin_trust_function_creators AND ",
    without!("USER_PRIVILEGES", "'SUPER', 'BINLOG ADMIN'"),
    " UNION ALL SELECT 'database', CAST(CURRENT_USER() AS CHAR) FROM (SELECT 1) AS one WHERE ",
    without!("USER_PRIVILEGES", "'CREATE'"),
    " AND ",
    without!("SCHEMA_PRIVILEGES", "'CREATE'")
);

/// The questions for the source and for the target of a move. Each row of an answer has the name of a [`Hindrance`], and
/// what it is about.
pub(crate) fn hindrances(dialect: Dialect) -> Option<(&'static str, &'static str)> {
    match dialect {
        Dialect::Postgres => Some((POSTGRES_SOURCE, POSTGRES_TARGET)),
        Dialect::MySql => Some((MYSQL_SOURCE, MYSQL_TARGET)),
        Dialect::Sqlite => None,
    }
}
