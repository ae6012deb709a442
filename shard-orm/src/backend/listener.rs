//! A session that receives notifications: `LISTEN` of PostgreSQL. No other database has it.

use super::opener::Opener;
use crate::dialect::Dialect;
use crate::error::Result;

/// The statement that notifies the listeners of a channel when its transaction commits; `None` on
/// databases without notifications. The channel is a name of this library.
pub(crate) fn notify(dialect: Dialect, channel: &'static str) -> Option<String> {
    match dialect {
        Dialect::Postgres => Some(format!("NOTIFY {channel}")),
        Dialect::MySql | Dialect::Sqlite => None,
    }
}

/// A session that listens to one channel.
#[derive(Debug)]
pub(crate) struct Listener {
    #[cfg(feature = "postgres")]
    session: sqlx::postgres::PgListener,
    /// A build without PostgreSQL has no listener.
    #[cfg(not(feature = "postgres"))]
    never: std::convert::Infallible,
}

impl Opener {
    /// Opens a session that listens; `None` on databases without notifications.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(unused_variables, clippy::unused_async)
    )]
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        #[cfg(feature = "postgres")]
        if let Some((options, session)) = self.postgres() {
            // The driver's listener takes its sessions from a pool of the driver, also when it
            // replaces a lost one.
            let pool = super::postgres::pool(options, session);
            let failed = super::postgres::not_listening;
            let mut session = sqlx::postgres::PgListener::connect_with(&pool)
                .await
                .map_err(failed)?;
            session.listen(channel).await.map_err(failed)?;
            return Ok(Some(Listener { session }));
        }
        Ok(None)
    }
}

impl Listener {
    /// The payload of the next notification. It is empty if the session was lost and replaced, so
    /// that any notification may have been missed.
    #[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async))]
    pub(crate) async fn receive(&mut self) -> Result<String> {
        #[cfg(feature = "postgres")]
        {
            let heard = self.session.try_recv().await;
            let heard = heard.map_err(super::postgres::not_listening)?;
            Ok(heard.map_or_else(String::new, |told| told.payload().to_owned()))
        }
        #[cfg(not(feature = "postgres"))]
        match self.never {}
    }
}
