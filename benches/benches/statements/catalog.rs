//! `shard-orm` with a catalog.

use std::path::Path;

use shard_orm::Cluster;
use shard_orm::catalog::Document;
use shard_orm::config::{Catalog, Config, Database};

use crate::cluster::STATEMENT_CACHE;

/// Opens the same cluster once more, as a process that takes its topology from a catalog in a file.
pub(crate) async fn open(url: &str, shards: u32, folder: &Path) -> Cluster {
    let file = format!("sqlite://{}", folder.join("catalog.db").display());
    let document = format!(
        "name = 'bench'\n[databases.default]\nprimary = '{file}'\n[groups.bench]\n\
         logical_shards = {shards}\nnamespace = 'bench_{{shard}}'\n\
         pool = {{ statement_cache = {STATEMENT_CACHE} }}\n\
         [[groups.bench.servers]]\nname = 'a'\nprimary = '{url}'\n"
    );
    let document = Document::of_configuration(&document).unwrap();
    let config = Config::new("bench")
        .database("default", Database::new(&file))
        .catalog(Catalog::new("default"));
    let operator = Cluster::connect(&config).await.unwrap();
    let catalog = operator.catalog().unwrap();
    catalog.initialize(&document.to_string()).await.unwrap();
    operator.close().await;
    Cluster::connect(&config).await.unwrap()
}
