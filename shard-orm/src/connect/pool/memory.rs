//! Private databases in memory, for the scratches of `migrate` on SQLite.

use super::Pool;
use crate::backend::Conn;
use crate::error::Result;

impl Pool {
    /// Opens one, with the options of this pool's sessions.
    pub(in crate::connect) async fn open_in_memory(&self) -> Result<Conn> {
        self.opener.in_memory()?.open().await
    }
}
