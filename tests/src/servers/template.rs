//! Data folders that are made once by a process, and copied for each server: a copy takes a tenth of the time.

use std::path::Path;

use tokio::sync::OnceCell;

use super::ServerError;
use super::folder::Folder;
use super::instance::Instance;

/// A data folder to copy. It is as old as the process's first server of its kind, and goes with the process.
#[derive(Debug)]
pub(super) struct Template {
    cell: OnceCell<Folder>,
}

impl Template {
    pub(super) const fn new() -> Self {
        Self {
            cell: OnceCell::const_new(),
        }
    }

    /// Makes the file or folder `name` in the folder of a server; `make` makes it in a folder that is empty, for the
    /// first server that asks.
    pub(super) async fn copy_to(
        &self,
        instance: &Instance,
        name: &str,
        make: impl AsyncFnOnce(&Path) -> Result<(), ServerError>,
    ) -> Result<(), ServerError> {
        let folder = self
            .cell
            .get_or_try_init(async || {
                let folder = Folder::create("template", instance.account())?;
                make(folder.path()).await?;
                Ok::<_, ServerError>(folder)
            })
            .await?;
        let arguments = [
            "--archive".into(),
            // Logs are mostly empty.
            "--sparse=always".into(),
            folder.path().join(name).into(),
            instance.folder().join(name).into(),
        ];
        instance.prepare(Path::new("cp"), arguments.into()).await
    }
}
