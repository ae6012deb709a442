//! What holds for a configuration that is stored in a catalog.

use super::Config;
use super::file::literal_passwords;
use crate::error::{Error, Result};

impl Config {
    /// Checks that a document of the catalog, which was read as `self`, can serve processes that were
    /// started with `own`: it is of the same cluster, contains the catalog's database, and no secret.
    pub(crate) fn check_document(&self, own: &Self, document: &str) -> Result<()> {
        let mut problems = Vec::new();
        if self.name != own.name {
            problems.push(format!(
                "its `name` is `{}`, and this cluster is `{}`",
                self.name, own.name
            ));
        }
        if let Some(catalog) = &own.catalog
            && !self
                .databases
                .iter()
                .any(|(name, _)| *name == catalog.database)
        {
            problems.push(format!(
                "it lacks `[databases.{}]`, which holds the catalog",
                catalog.database
            ));
        }
        problems.extend(literal_passwords(document).into_iter().map(|path| {
            format!(
                "the URL `{path}` contains a password; write a reference to an environment variable, \
                 like `${{PASSWORD}}`"
            )
        }));
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "the catalog cannot take this topology: {}",
            problems.join("; ")
        )))
    }
}
