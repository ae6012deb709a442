//! Accounts on all servers, with the least privileges.

use std::fmt;

use sea_query::Value;

use super::servers::{ServerAt, servers};
use super::status::{Named, named, sizes};
use crate::backend::{
    AccountRights, Credential, Field, Grantee, account_exists, create_account, grants,
    grants_on_database, tables_of_namespace,
};
use crate::cluster::Cluster;
use crate::connect::{Lease, TABLE};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::ask;

/// The longest name of an account: that of PostgreSQL.
const NAME_BYTES: usize = 63;

/// The library's tables that an application only reads: who may write them could lead its queries
/// to other rows.
const RECORDS: [&str; 2] = [TABLE, "shard_orm_database"];

/// The purpose of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum AccountPurpose {
    /// Runs an application: reads and writes rows, and creates nothing.
    Application,
    /// Reads rows.
    ReadOnly,
}

/// An account to be created, or brought up to date.
#[derive(Clone)]
pub struct Account {
    name: String,
    purpose: AccountPurpose,
    password: Option<String>,
    host: String,
}

impl Account {
    /// An account without a new password.
    #[must_use]
    pub fn new(name: impl Into<String>, purpose: AccountPurpose) -> Self {
        Self {
            name: name.into(),
            purpose,
            password: None,
            host: "%".to_owned(),
        }
    }

    /// Sets its password. It is required for an account that does not exist, and replaced for one
    /// that does. PostgreSQL and MariaDB are sent a verifier that is made of it.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the hosts from which it may connect, on MySQL and MariaDB: `10.%`; by default all.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    fn check(&self) -> Result<()> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let begins = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        let is_valid = self.name.starts_with(begins)
            && self.name.chars().all(is_plain)
            && self.name.len() <= NAME_BYTES
            && !self.name.to_ascii_lowercase().starts_with("pg_");
        if is_valid {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "`{}` is not a name for an account; use at most {NAME_BYTES} ASCII letters, digits and \
             `_`, begin with a letter or `_`, and not with `pg_`",
            self.name.escape_debug()
        )))
    }
}

impl fmt::Debug for Account {
    /// Shows no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("purpose", &self.purpose)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// The outcomes for all servers and accounts.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[must_use = "it holds the errors"]
pub struct AccountReport {
    /// By server, in the order of the configuration, then by account.
    pub outcomes: Vec<AccountOutcome>,
}

impl AccountReport {
    /// Whether everything was done, or would be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.error.is_none())
    }
}

/// The outcome for one account on one server.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AccountOutcome {
    /// The server, as `shop/a`, or the named database.
    pub server: String,
    /// The account.
    pub account: String,
    /// Its purpose.
    pub purpose: AccountPurpose,
    /// The statements, without credentials.
    pub statements: Vec<String>,
    /// How many of them were carried out.
    pub done: usize,
    /// Why the next one was not.
    pub error: Option<Error>,
}

/// Creates accounts on all servers, or brings them up to date: their passwords, and their privileges
/// in the namespaces that exist. Privileges that they have besides are left to them.
///
/// The configuration has to lead to an account that may create others, and owns the tables. On
/// PostgreSQL, tables that this account creates later are granted as well. Run it again after new
/// namespaces were created. With `dry_run` it only reports the statements.
///
/// An application may read and write the rows of all tables, except for the library's records of
/// namespaces, which it only reads (on MySQL and MariaDB, privileges are granted by database, and
/// the records cannot be left out). It may not create or alter tables: `setup` and migrations need
/// another account.
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use shard_orm::admin::{Account, AccountPurpose, set_up_accounts};
///
/// let password = std::env::var("SHOP_APP_PASSWORD")?;
/// let account = Account::new("shop_app", AccountPurpose::Application).password(password);
/// let report = set_up_accounts(cluster, &[account], false).await?;
/// assert!(report.is_done(), "{report:?}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for a name that is not valid everywhere, and if all
/// servers are files of SQLite. The error of a server is in the report.
pub async fn set_up_accounts(
    cluster: &Cluster,
    accounts: &[Account],
    dry_run: bool,
) -> Result<AccountReport> {
    accounts.iter().try_for_each(Account::check)?;
    let servers = servers(cluster)?;
    let mut support = servers.iter().map(|one| one.dialect.capability().accounts);
    if let Some(first) = servers.first()
        && !support.any(|accounts| accounts.is_supported())
    {
        first.dialect.capability().accounts.require()?;
    }
    let mut outcomes = Vec::new();
    // One server after another: some may be one server, whose catalog does not take two changes of
    // an account at the same time.
    for server in servers
        .iter()
        .filter(|one| one.dialect.capability().accounts.is_supported())
    {
        for account in accounts {
            let mut outcome = AccountOutcome {
                server: server.place(),
                account: account.name.clone(),
                purpose: account.purpose,
                statements: Vec::new(),
                done: 0,
                error: None,
            };
            outcome.error = on_server(server, account, dry_run, &mut outcome)
                .await
                .err();
            outcomes.push(outcome);
        }
    }
    Ok(AccountReport { outcomes })
}

async fn on_server(
    server: &ServerAt,
    account: &Account,
    dry_run: bool,
    outcome: &mut AccountOutcome,
) -> Result<()> {
    let mut lease = server.own.writer()?.acquire().await?;
    let (credential, statements) = statements(server, account, &mut lease).await?;
    let hide = |sql: &String| match &credential {
        Some(credential) => credential.hide(sql),
        None => sql.clone(),
    };
    outcome.statements = statements.iter().map(hide).collect();
    if dry_run {
        return Ok(());
    }
    for statement in &statements {
        let sent = lease.conn()?.batch(statement).await;
        lease.finish(sent)?;
        outcome.done += 1;
    }
    Ok(())
}

async fn statements(
    server: &ServerAt,
    account: &Account,
    lease: &mut Lease,
) -> Result<(Option<Credential>, Vec<String>)> {
    let outcome = lease.conn()?.facts().await;
    let version = lease.finish(outcome)?.version;
    let credential = account.password.as_ref();
    let credential = credential
        .map(|password| Credential::new(server.dialect, &version, password))
        .transpose()?;
    let grantee = Grantee {
        dialect: server.dialect,
        name: &account.name,
        host: &account.host,
        rights: match account.purpose {
            AccountPurpose::Application => AccountRights::Application,
            AccountPurpose::ReadOnly => AccountRights::ReadOnly,
        },
    };
    let exists = exists(server, account, lease).await?;
    if exists == Some(false) && credential.is_none() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "account `{}` does not exist, and there is no password to create it with",
                account.name
            ),
        ));
    }
    let mut all = create_account(&grantee, exists == Some(true), credential.as_ref());
    if let Some(database) = current_database(server, lease).await? {
        let has_replicas = server.endpoints.len() > 1;
        all.extend(grants_on_database(&grantee, &database, has_replicas));
    }
    let namespaces = named(server, Some(lease)).await?;
    let existing = sizes(&namespaces, lease).await?;
    for Named { handle, name } in &namespaces {
        if !existing.contains_key(name) {
            // Static tables exist where there are static models.
            if handle.namespace.is_sharded() {
                return Err(handle.name_error(Error::new(
                    ErrorKind::UndefinedTable,
                    format!("namespace `{name}` does not exist; create it with `setup` first"),
                )));
            }
            continue;
        }
        let records = records(server, name, lease).await?;
        all.extend(grants(&grantee, name, &records, server.is_database));
    }
    Ok((credential, all))
}

/// Whether the account exists, where that is asked.
async fn exists(server: &ServerAt, account: &Account, lease: &mut Lease) -> Result<Option<bool>> {
    let Some(text) = account_exists(server.dialect) else {
        return Ok(None);
    };
    let mut found = false;
    let name = [Value::from(&*account.name)];
    ask(lease, &server.own, text, &name, &mut |_| {
        found = true;
        Ok(())
    })
    .await?;
    Ok(Some(found))
}

/// The database of the connection, where namespaces are parts of one.
async fn current_database(server: &ServerAt, lease: &mut Lease) -> Result<Option<String>> {
    let Some(text) = crate::backend::current_database(server.dialect) else {
        return Ok(None);
    };
    let mut name = None;
    ask(lease, &server.own, text, &[], &mut |row| {
        name = Option::<String>::read(row, 0)?;
        Ok(())
    })
    .await?;
    Ok(name)
}

/// The records of a namespace that exist there.
async fn records(server: &ServerAt, name: &str, lease: &mut Lease) -> Result<Vec<String>> {
    let (text, values) = tables_of_namespace(server.dialect, name);
    let mut records = Vec::new();
    ask(lease, &server.own, text, &values, &mut |row| {
        let table = String::read(row, 0)?;
        if RECORDS.contains(&&*table) {
            records.push(table);
        }
        Ok(())
    })
    .await?;
    Ok(records)
}
