//! Names and texts of others that look like scripts run nothing.

use serde_json::Value;
use shard_orm::Cluster;
use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
use shard_orm::config::{Catalog, Config, Database, Group, Server};
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_dashboard::Options;

use crate::chromium::Chromium;
use crate::support::Served;
use crate::support::fleet::Order;

/// As the name of a file, the slash makes it a folder with a file.
const SCRIPT: &str = "<script>alert(1)</script>";
const IMAGE: &str = "<img src=x onerror=alert(1)>";

#[tokio::test]
async fn names_that_look_like_scripts_run_nothing() {
    for name in [SCRIPT, IMAGE] {
        let group = Group::new(1).server(Server::new(name, "sqlite://x"));
        let refused = Cluster::connect(&Config::new("test").group("shop", group)).await;
        assert!(refused.is_err(), "a server named {name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join(SCRIPT).join(IMAGE);
    std::fs::create_dir_all(&home).unwrap();
    let at = |name: &str| format!("sqlite://{}/{name}", home.display());
    let document = format!(
        "name = 'test'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = 2\n\
         [[groups.shop.servers]]\nname = 'a'\nprimary = '{}'\n",
        at("default.db"),
        at("a"),
    );
    let config = Config::new("test")
        .database("default", Database::new(at("default.db")))
        .catalog(Catalog::new("default"));
    let cluster = Cluster::connect(&config).await.unwrap();
    let catalog = cluster.catalog().unwrap().operator(SCRIPT);
    let first = catalog.initialize(&document).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    catalog
        .change(&first, &format!("{document}weight = 2\n"), IMAGE)
        .await
        .unwrap();
    let run = async |text: String| {
        let place = SqlPlace::Shard {
            group: "shop".to_owned(),
            shard: 0,
        };
        let request = SqlRequest::new(place, AssertSqlSafe(text));
        let report = run_sql(&cluster, &request).await.unwrap();
        assert!(report.outcomes[0].error.is_none(), "{report:?}");
    };
    run(format!(
        "CREATE TABLE \"{SCRIPT}\" (\"{IMAGE}\" INTEGER PRIMARY KEY)"
    ))
    .await;
    run(format!("SELECT \"{IMAGE}\" FROM \"{SCRIPT}\"")).await;

    let served = Served::start(&cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    let asked = "%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E";
    for path in [
        "/",
        "/shard/shop/0",
        "/moves",
        "/traffic",
        "/topology",
        "/topology?from=1&to=2",
        &format!("/topology?from={asked}&to={asked}"),
        &format!("/ask?group={asked}&value={asked}"),
        &format!("/{asked}"),
        &format!("/#{asked}"),
    ] {
        tab.open(&served.url(path)).await;
        // Also after the script has brought the page up to date.
        tab.value(
            "new Promise((done) => {
            const seen = new MutationObserver(() => done(true));
            seen.observe(document.getElementById('taken'), { childList: true, subtree: true });
            if (!document.querySelector('main[data-updated]')) done(true);
        })",
        )
        .await;
        let scripts = tab
            .value("[...document.scripts].map((one) => one.src)")
            .await;
        assert_eq!(scripts.as_array().unwrap().len(), 1, "{path}: {scripts}");
        assert_eq!(tab.value("document.images.length").await, 0, "{path}");
        // A page that is not there is an error of the console.
        let problems = tab.problems();
        let is_missing = |problem: &&Value| problem["params"]["entry"]["source"] == "network";
        let others: Vec<_> = problems.iter().filter(|one| !is_missing(one)).collect();
        assert_eq!(others, Vec::<&Value>::new(), "{path}");
    }
    tab.open(&served.url("/topology")).await;
    let events = tab.texts("#epochs").await.remove(0);
    assert!(
        events.contains(SCRIPT) && events.contains(IMAGE),
        "{events}"
    );
    tab.open(&served.url("/")).await;
    let servers = tab.texts(".endpoints code").await.remove(0);
    assert!(
        servers.contains(SCRIPT) && servers.contains(IMAGE),
        "{servers}"
    );
}
