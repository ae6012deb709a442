//! A session that hears what others tell: `LISTEN` of PostgreSQL. No other database has it.

use super::opener::Opener;
use crate::error::Result;

/// A session that listens to one channel.
#[derive(Debug)]
pub(crate) struct Listener {
    #[cfg(feature = "postgres")]
    session: sqlx::postgres::PgListener,
    /// Without PostgreSQL there is none.
    #[cfg(not(feature = "postgres"))]
    never: std::convert::Infallible,
}

impl Opener {
    /// Opens a session that listens; `None` on databases that tell nothing.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(unused_variables, clippy::unused_async)
    )]
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        #[cfg(feature = "postgres")]
        if let Some((options, session)) = self.postgres() {
            // The driver's listener takes its sessions from a pool of the driver's, also when it
            // replaces one that was lost.
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
    /// The next text that was told; an empty one when the session was lost meanwhile and is there
    /// again, so that anything may have been told.
    #[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async))]
    pub(crate) async fn heard(&mut self) -> Result<String> {
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
