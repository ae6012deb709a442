//! Every page on a narrow and a wide screen, in light and dark: no text covers another one or leaves the page, the keyboard
//! reaches everything and shows where it is, and axe-core finds no violation of WCAG 2.1 A and AA.

use std::path::PathBuf;

use serde_json::{Value, json};
use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm_dashboard::{Options, Token};

use crate::PAGES;
use crate::chromium::Chromium;
use crate::support::Served;
use crate::tab::{Tab, pictures};
use crate::world::{Order, World};

/// The environment variable with the path of `axe.min.js`.
const AXE: &str = "SHARD_ORM_AXE";
/// A telephone, and a notebook.
const WIDTHS: [u32; 2] = [360, 1280];
const SCHEMES: [&str; 2] = ["light", "dark"];
const TAB: (&str, u32) = ("Tab", 9);
/// More than there are elements on a page.
const MOST_TABS: usize = 400;
pub(crate) const TOKEN: &str = "0123456789abcdef";

/// Of two migrations, only the first one is applied.
const FILES: [(&str, &str); 2] = [
    (
        "elephants/1_ears.sql",
        "CREATE TABLE ears (id BIGINT PRIMARY KEY, length_in_centimetres BIGINT)",
    ),
    (
        "elephants/2_a_long_name_that_says_what_is_changed.sql",
        "CREATE TABLE tusks (id BIGINT)",
    ),
];

/// A cluster with something on each page: a job that is paused in the middle, traffic, two epochs, and a logical shard
/// whose tables differ.
async fn busy_world() -> World {
    let world = World::open().await;
    for id in 0..200 {
        let order = Order { id, user_id: id };
        order.insert(&world.cluster).await.unwrap();
    }
    let first = Migrations::embedded(&FILES[..1]).unwrap();
    world.cluster.migrate(&first).up().await.unwrap();
    let place = SqlPlace::Shard {
        group: "elephants".to_owned(),
        shard: 1,
    };
    let change =
        "ALTER TABLE ears ALTER COLUMN length_in_centimetres TYPE text, ADD COLUMN shape text";
    let report = run_sql(&world.cluster, &SqlRequest::new(place, change)).await;
    assert!(report.unwrap().outcomes[0].error.is_none());
    let catalog = world.cluster.catalog().unwrap().operator("ann");
    let first = catalog.current().await.unwrap().unwrap();
    let text = first
        .document
        .replace("name = 'cellar'", "name = 'cellar'\nweight = 2");
    let comment =
        "a long comment that says why the cellar gets more of the logical shards from now on";
    catalog.change(&first, &text, comment).await.unwrap();
    let reshard = world.cluster.reshard().unwrap();
    let request = reshard.move_shard("elephants", 0, "african");
    let job = request.accept_relaxed_durability().start().await.unwrap();
    reshard.pause(job.id).await.unwrap();
    world
}

/// The page with actions, and a tab that has logged in.
async fn logged_in(world: &World, browser: &Chromium) -> (Served, Tab) {
    let options = Options::new().token(Token::new(TOKEN).unwrap());
    let options = options.migrations(Migrations::embedded(&FILES).unwrap());
    let served = Served::start(&world.cluster, options.allow_actions()).await;
    let tab = browser.tab().await;
    log_in(&tab, &served).await;
    (served, tab)
}

pub(crate) async fn log_in(tab: &Tab, served: &Served) {
    tab.open(&served.url("/")).await;
    tab.act(&format!(
        "document.querySelector('[name=token]').value = '{TOKEN}';
         document.querySelector('form button').click()"
    ))
    .await;
    tab.until("document.querySelector('#attention') !== null")
        .await;
}

/// Leads to the page that says why an action was not done: the form is of another session.
async fn not_done(tab: &Tab, served: &Served) {
    tab.open(&served.url("/moves")).await;
    tab.act(
        "document.querySelector('[name=form]').value = 'none';
         document.querySelector('.actions form').submit()",
    )
    .await;
    tab.until("document.querySelector('h1')?.textContent === 'Not done'")
        .await;
}

async fn open(tab: &Tab, url: &str) {
    tab.open(url).await;
    // Parts whose first reading takes longer.
    tab.until("!document.querySelector('[role=status].notice')")
        .await;
    tab.value(include_str!("checks.js")).await;
}

#[tokio::test]
async fn no_text_covers_another_one_or_leaves_the_page() {
    let world = busy_world().await;
    let browser = Chromium::start().await;
    let (served, tab) = logged_in(&world, &browser).await;
    let mut wrong = Vec::new();
    for width in WIDTHS {
        tab.resize(width, 800).await;
        for (name, path) in PAGES {
            open(&tab, &served.url(path)).await;
            for scheme in SCHEMES {
                tab.prefer(scheme).await;
                let layout = tab.value("checks.layout()").await;
                assert!(layout["texts"].as_u64().unwrap() > 10, "{name}: {layout}");
                if layout["wrong"] != json!([]) {
                    wrong.push(format!("{name}, {width} px, {scheme}: {}", layout["wrong"]));
                }
                tab.picture(&format!("{name}-{width}-{scheme}")).await;
            }
        }
    }
    println!("the pictures are in {}", pictures().display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn the_keyboard_reaches_everything_and_shows_where_it_is() {
    let world = busy_world().await;
    let browser = Chromium::start().await;
    let (served, tab) = logged_in(&world, &browser).await;
    for width in WIDTHS {
        tab.resize(width, 800).await;
        for (name, path) in PAGES {
            open(&tab, &served.url(path)).await;
            let mut left: Vec<String> =
                serde_json::from_value(tab.value("checks.reachable()").await).unwrap();
            assert!(!left.is_empty(), "{name}");
            for _ in 0..MOST_TABS {
                tab.press(TAB.0, TAB.1).await;
                let focus = tab.value("checks.focus()").await;
                // After the last element the browser's own follow.
                let Some(element) = focus["name"].as_str() else {
                    break;
                };
                assert_eq!(focus["isSeen"], true, "{name}, {width} px: {focus}");
                left.retain(|one| one != element);
            }
            assert!(left.is_empty(), "{name}, {width} px, not reached: {left:?}");
        }
    }
}

/// The text of axe-core, where it is.
fn axe() -> Option<String> {
    let path = std::env::var_os(AXE).map(PathBuf::from);
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    if text.is_none() {
        eprintln!(
            "\nACCESSIBILITY IS NOT CHECKED: {AXE} does not name axe.min.js; scripts/test fetches it with npm\n"
        );
    }
    text
}

#[tokio::test]
async fn axe_finds_no_violation() {
    let Some(axe) = axe() else {
        return;
    };
    let world = busy_world().await;
    let browser = Chromium::start().await;
    let (served, tab) = logged_in(&world, &browser).await;
    let mut wrong = Vec::new();
    let mut check = async |name: &str| {
        tab.value(&axe).await;
        for scheme in SCHEMES {
            tab.prefer(scheme).await;
            let script =
                "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then((found) =>
                [found.passes.length, found.violations.flatMap((one) =>
                    one.nodes.map((node) => [one.id, node.html, node.failureSummary]))])";
            let found = tab.value(script).await;
            assert!(found[0].as_u64().unwrap() > 5, "{name}: {found}");
            if found[1] != json!([]) {
                wrong.push(format!("{name}, {scheme}: {:#}", found[1]));
            }
        }
    };
    for (name, path) in PAGES {
        open(&tab, &served.url(path)).await;
        check(name).await;
    }
    tab.open(&served.url("/none")).await;
    check("a page that is not there").await;
    not_done(&tab, &served).await;
    check("what was not done").await;
    tab.call("Network.clearBrowserCookies", json!({})).await;
    tab.open(&served.url("/")).await;
    check("the login").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
