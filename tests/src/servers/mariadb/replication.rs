//! GTID replication between private MariaDB servers, and what operators do with it.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, Row as _};

use super::{MariaDbServer, PASSWORD, USER};
use crate::servers::ServerError;

const LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(5);

/// The users of the clusters under test, whom `read_only` binds: `client`, and `watcher`, who may ask besides how
/// replication stands. One statement to a line.
pub(super) const ORDINARY_USERS: &str = "\
CREATE USER IF NOT EXISTS 'client'@'%' IDENTIFIED BY 'client-secret';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, \
EXECUTE, CREATE VIEW, SHOW VIEW, TRIGGER ON *.* TO 'client'@'%';
CREATE USER IF NOT EXISTS 'watcher'@'%' IDENTIFIED BY 'watcher-secret';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, \
EXECUTE, CREATE VIEW, SHOW VIEW, TRIGGER, SLAVE MONITOR, BINLOG MONITOR ON *.* TO 'watcher'@'%';
";

const SETTINGS: [(&str, &str); 5] = [
    ("log-bin", "binlog"),
    ("binlog-format", "ROW"),
    // A replica passes on what it has received, when it becomes a primary.
    ("log-slave-updates", "1"),
    ("gtid-strict-mode", "1"),
    ("relay-log", "relay"),
];

impl MariaDbServer {
    /// Makes a server that others can replicate.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_primary() -> Result<Self, ServerError> {
        Self::start_with(&SETTINGS).await
    }

    /// Makes a read-only replica of a server that [`start_primary`](Self::start_primary) made. It begins with the
    /// first change ever made there.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when the primary does not answer.
    pub async fn start_replica(primary: &Self) -> Result<Self, ServerError> {
        let mut server = Self::start_with(&SETTINGS).await?;
        server.set_read_only(true).await?;
        server.follow(primary).await?;
        Ok(server)
    }

    /// The server's address for one of its ordinary users, as `mysql://client:PASSWORD@127.0.0.1:PORT`.
    pub fn url_of(&self, user: &str) -> String {
        let (_, address) = self.url.split_once('@').unwrap_or_default();
        format!("mysql://{user}:{user}-secret@{address}")
    }

    /// Lets a replica receive changes without applying them.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn pause_replay(&self) -> Result<(), ServerError> {
        self.run("STOP SLAVE SQL_THREAD").await
    }

    /// Ends a pause of [`pause_replay`](Self::pause_replay); without one it does nothing.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn resume_replay(&self) -> Result<(), ServerError> {
        self.run("START SLAVE SQL_THREAD").await
    }

    /// Makes a replica a primary: it follows nobody any more, and takes writes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn promote(&mut self) -> Result<(), ServerError> {
        self.run("STOP SLAVE; RESET SLAVE ALL").await?;
        self.set_read_only(false).await
    }

    /// Refuses the writes of ordinary users, or takes them again; it stays so over restarts.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn set_read_only(&mut self, read_only: bool) -> Result<(), ServerError> {
        self.start_read_only(read_only);
        self.run(&format!("SET GLOBAL read_only = {}", u8::from(read_only)))
            .await
    }

    /// Decides whether the server refuses the writes of ordinary users from its next start on.
    pub fn start_read_only(&mut self, read_only: bool) {
        self.settings.retain(|(name, _)| name != "read-only");
        if read_only {
            self.settings.push(("read-only".into(), "1".into()));
        }
    }

    /// Makes a replica, or a former primary that is a prefix of the new one, follow this primary, and waits until
    /// it is connected to it. It is started first if it is stopped.
    ///
    /// # Errors
    /// When one of the two does not answer.
    pub async fn follow(&mut self, primary: &Self) -> Result<(), ServerError> {
        if self.pid().is_none() {
            self.restart().await?;
        }
        let (_, address) = primary.url().split_once('@').unwrap_or_default();
        let (host, port) = address.split_once(':').unwrap_or_default();
        self.run(&format!(
            "STOP SLAVE; \
             SET GLOBAL gtid_slave_pos = @@gtid_current_pos; \
             CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_PORT = {port}, MASTER_USER = '{USER}', \
             MASTER_PASSWORD = '{PASSWORD}', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos; \
             START SLAVE"
        ))
        .await?;
        let begun = Instant::now();
        loop {
            let mut connection = self.connect().await?;
            let state = sqlx::raw_sql("SHOW SLAVE STATUS")
                .fetch_one(&mut connection)
                .await
                .map_err(|e| ServerError::while_doing("asking for the state of a replica", e))?;
            let told = |name: &str| state.try_get::<String, _>(name).unwrap_or_default();
            if told("Slave_IO_Running") == "Yes" && told("Slave_SQL_Running") == "Yes" {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                return Err(ServerError::new(format!(
                    "the replica {} does not follow: {} {}",
                    self.url,
                    told("Last_IO_Error"),
                    told("Last_SQL_Error"),
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until this replica has applied all that its primary has committed by now.
    ///
    /// # Errors
    /// When it has not after two minutes, or one of the two does not answer.
    pub async fn has_all_of(&self, primary: &Self) -> Result<(), ServerError> {
        let position: String = sqlx::query_scalar("SELECT CAST(@@gtid_binlog_pos AS CHAR)")
            .fetch_one(&mut primary.connect().await?)
            .await
            .map_err(|e| ServerError::while_doing("asking a primary for its position", e))?;
        let waited: i64 = sqlx::query_scalar("SELECT MASTER_GTID_WAIT(?, ?)")
            .bind(&position)
            .bind(LIMIT.as_secs())
            .fetch_one(&mut self.connect().await?)
            .await
            .map_err(|e| ServerError::while_doing("waiting for a position", e))?;
        if waited == 0 {
            Ok(())
        } else {
            Err(ServerError::new(format!(
                "{} has not applied {position} within {LIMIT:?}",
                self.url
            )))
        }
    }

    /// Runs SQL as the server's administrator.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn run(&self, sql: &str) -> Result<(), ServerError> {
        let mut connection = self.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .map_err(|e| ServerError::while_doing(sql, e))?;
        connection
            .close()
            .await
            .map_err(|e| ServerError::while_doing("closing a connection", e))
    }

    /// The number that SQL gives, asked as the server's administrator.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn number(&self, sql: &str) -> Result<i64, ServerError> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.connect().await?)
            .await
            .map_err(|e| ServerError::while_doing(sql, e))
    }

    async fn connect(&self) -> Result<MySqlConnection, ServerError> {
        MySqlConnection::connect(&self.url)
            .await
            .map_err(|e| ServerError::while_doing(format!("connecting to {}", self.url), e))
    }
}
