//! The pictures of the guide, of a cluster of SQLite files: made on request, and copied by hand.
//!
//! ```text
//! cargo test -p shard-orm-dashboard --all-features --test browser guide -- --ignored --nocapture
//! ```

use shard_orm::Cluster;
use shard_orm::config::{Catalog, Config, Database};
use shard_orm::prelude::*;
use shard_orm::reshard::Pace;
use shard_orm_dashboard::{Options, Token};

use crate::accessible::{TOKEN, log_in};
use crate::chromium::Chromium;
use crate::support::Served;
use crate::support::fleet::Order;
use crate::tab::pictures;

const SHARDS: u32 = 64;
const SERVERS: u32 = 4;

#[tokio::test]
#[ignore = "makes the pictures of the guide"]
async fn pictures_of_the_guide() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite://{}/{name}", folder.path().display());
    let default = at("default.db");
    let mut document = format!(
        "name = 'shop'\n[databases.default]\nprimary = '{default}'\n[groups.shop]\nlogical_shards = {SHARDS}\n"
    );
    for number in 0..SERVERS {
        let each = SHARDS / SERVERS;
        document.push_str(&format!(
            "[[groups.shop.servers]]\nname = 'db-{number}'\nprimary = '{}'\nshards = '{}..{}'\n",
            at(&format!("db-{number}")),
            number * each,
            (number + 1) * each,
        ));
    }
    let config = Config::new("shop")
        .database("default", Database::new(default))
        .catalog(Catalog::new("default").process("shop"));
    let cluster = Cluster::connect(&config).await.unwrap();
    let catalog = cluster.catalog().unwrap().operator("ann");
    catalog.initialize(&document).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    // Keys with more and with fewer rows.
    let rows = (0..80_i64).flat_map(|user_id| {
        let rows = user_id * user_id / 2;
        (0..rows).map(move |number| Order {
            id: user_id * 100_000 + number,
            user_id,
        })
    });
    Order::insert_many(&cluster, rows.collect()).await.unwrap();
    let reshard = cluster.reshard().unwrap().operator("ann");
    let place = cluster.locate(&Order::shard(79)).unwrap();
    let to = if place.server == "db-3" {
        "db-0"
    } else {
        "db-3"
    };
    let request = reshard
        .move_shard("shop", place.shard.unwrap(), to)
        .pace(Pace::RowsPerSecond(80))
        .accept_relaxed_durability();
    let job = request.start().await.unwrap();
    let operator = reshard.clone();
    tokio::spawn(async move { operator.run(job.id).await });

    let options = Options::new().token(Token::new(TOKEN).unwrap());
    let served = Served::start(&cluster, options.allow_actions()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.resize(620, 700).await;
    log_in(&tab, &served).await;
    tab.open(&served.url("/moves")).await;
    tab.until("document.querySelector('.line polyline') !== null")
        .await;
    reshard
        .throttle(job.id, Pace::RowsPerSecond(160))
        .await
        .unwrap();
    let most = "Number(document.querySelector('.line figcaption').textContent.split('up to ')[1])";
    tab.until(&format!("{most} > 140")).await;
    tab.picture_above("#plans", "guide-moves").await;
    tab.open(&served.url("/")).await;
    tab.until("document.querySelector('.map .level-5') !== null")
        .await;
    tab.picture_above("#group-1-servers", "guide-cluster").await;
    tab.prefer("dark").await;
    tab.resize(360, 700).await;
    tab.open(&served.url("/ask?what=key&group=shop&value=79"))
        .await;
    tab.picture_above("footer", "guide-ask").await;
    println!("the pictures are in {}", pictures().display());
}
