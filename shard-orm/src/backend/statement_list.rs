//! Several statements in one message, on a database that has statement lists.
//!
//! Called by migrations, which read the tables of many namespaces.

use super::{Args, Conn, Failure, OnRow, Sql};

impl Conn {
    /// Runs statements without arguments in one message, and calls `on_row` for each row of each; on a
    /// database that has statement lists.
    pub(crate) async fn list(
        &mut self,
        text: String,
        on_row: &mut OnRow<'_>,
    ) -> Result<(), Failure> {
        let sql = Sql {
            text: text.into(),
            persistent: false,
            single: false,
        };
        self.run(sql, Args::unprepared(), on_row).await.map(drop)
    }
}
