//! What is on the screen equals what the databases and the catalog say, and follows without a reload.

use serde_json::{Value, json};
use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_dashboard::Options;

use crate::chromium::Chromium;
use crate::support::Served;
use crate::tab::Tab;
use crate::world::{GROUPS, Order, SHARDS, World};

/// The rows of the logical shard that moves.
const ROWS: u32 = 2_000;

/// The number of logical shards that the card of a server says, and that the map shows there.
async fn shards_on_screen(tab: &Tab, group: &str, server: &str) -> (String, usize) {
    let script = format!(
        "(() => {{
           const section = [...document.querySelectorAll('section')]
             .find((one) => one.querySelector('h2').textContent === 'Group ' + {group});
           const card = [...section.querySelectorAll('.card')]
             .find((one) => one.querySelector('h3').textContent === {server});
           const cells = [...section.querySelectorAll('.map a')]
             .filter((one) => one.ariaLabel.includes('on server ' + {server} + ':'));
           return [card.querySelector('p').textContent, cells.length];
         }})()",
        group = json!(group),
        server = json!(server),
    );
    serde_json::from_value(tab.value(&script).await).unwrap()
}

#[tokio::test]
async fn servers_and_their_shards_are_those_of_the_databases() {
    let world = World::open().await;
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.open(&served.url("/?colour=state")).await;
    tab.until("!document.querySelector('#status .notice')")
        .await;
    for (group, servers) in GROUPS {
        for (number, server) in servers.into_iter().enumerate() {
            let (card, cells) = shards_on_screen(&tab, group, server).await;
            let found = match group {
                // One server by two names has those of both.
                "seals" => world.namespaces(group, number).await / servers.len(),
                _ => world.namespaces(group, number).await,
            };
            assert_eq!(found, (SHARDS / 2) as usize, "{group} {server}");
            assert_eq!(cells, found, "{group} {server}");
            assert!(card.contains(&format!("{found} logical shards")), "{card}");
        }
        let cells = format!("[aria-label='Logical shards of {group}'] .cell.present");
        assert_eq!(tab.texts(&cells).await.len(), SHARDS as usize, "{group}");
    }
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_move_is_followed_without_a_reload() {
    let world = World::open().await;
    let key = (1..)
        .find(|key| world.cluster.locate(&Order::shard(*key)).unwrap().shard == Some(0))
        .unwrap();
    let rows = (0..ROWS).map(|id| Order {
        id: id.into(),
        user_id: key,
    });
    Order::insert_many(&world.cluster, rows.collect())
        .await
        .unwrap();
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.open(&served.url("/moves")).await;
    assert!(tab.texts("#running").await[0].contains("There are none."));
    // It is gone after a reload.
    tab.value("window.isTheSame = true").await;

    let operator = world.another_process().await.reshard().unwrap();
    let request = operator.move_shard("elephants", 0, "african");
    let request = request
        .pace(Pace::RowsPerSecond(50))
        .accept_relaxed_durability();
    let job = request.start().await.unwrap();
    let running = tokio::spawn({
        let operator = operator.clone();
        async move { operator.run(job.id).await }
    });
    let is_state =
        |state: &str| format!("document.querySelector('#job-1 .badge')?.textContent === '{state}'");
    tab.until(&is_state("copying")).await;
    let card = tab.texts("#job-1").await.remove(0);
    assert!(card.contains("asian → african"), "{card}");
    assert!(card.contains("at most 50 rows/s"), "{card}");
    // "120 of about 2,000"
    let copied = "parseInt([...document.querySelectorAll('#job-1 dt')]
        .find((one) => one.textContent === 'Rows').nextSibling.textContent.replace(',', ''))";
    tab.until(&format!("{copied} > 0")).await;
    let seen = tab.value(copied).await.as_u64().unwrap();
    let copied = operator.job(job.id).await.unwrap().copied;
    assert!(
        seen <= copied.rows && copied.rows < u64::from(ROWS),
        "{seen} {copied:?}"
    );
    tab.picture("move-while-copying").await;

    operator.throttle(job.id, Pace::Full).await.unwrap();
    let job = running.await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Holding);
    tab.until(&is_state("holding")).await;
    let card = tab.texts("#job-1").await.remove(0);
    assert!(card.contains("2,000 of about"), "{card}");
    operator.finish(job.id).await.unwrap();
    operator.run(job.id).await.unwrap();
    tab.until("document.querySelector('#past #job-1 .badge')?.textContent === 'finished'")
        .await;
    let events = world.cluster.catalog().unwrap().events(100).await.unwrap();
    let last = &events.last().unwrap().message;
    tab.until(&format!(
        "document.querySelector('#events').textContent.includes({})",
        json!(last)
    ))
    .await;
    assert!(tab.is("window.isTheSame").await);

    tab.open(&served.url("/shard/elephants/0")).await;
    let placement = tab.texts("#placement").await.remove(0);
    assert!(placement.contains("african"), "{placement}");
    let history = tab.texts("#history").await.remove(0);
    assert!(history.contains("african"), "{history}");
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_server_that_goes_down_needs_attention_until_it_is_back() {
    let mut world = World::open().await;
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.open(&served.url("/?colour=state")).await;
    tab.until("document.querySelector('#attention .good') !== null")
        .await;
    tab.value("window.isTheSame = true").await;

    world.african.kill9();
    let items = "[...document.querySelectorAll('#attention .items li')]
        .filter((one) => one.textContent.includes('african'))";
    tab.until(&format!("{items}.length === 1")).await;
    let item = tab.texts("#attention .items li").await;
    assert_eq!(item.len(), 1, "{item:?}");
    assert!(item[0].contains("2 logical shards"), "{item:?}");
    tab.until("document.querySelectorAll('[aria-label=\"Logical shards of elephants\"] .unserved').length === 2")
        .await;
    // All others are served, and shown.
    let present = tab.texts(".map .cell.present").await.len();
    assert_eq!(present, (3 * SHARDS - 2) as usize);
    tab.picture("server-down").await;

    world.african.restart().await.unwrap();
    tab.until(&format!("{items}.length === 0")).await;
    tab.until("document.querySelectorAll('.map .cell.present').length === 12")
        .await;
    assert!(tab.is("window.isTheSame").await);
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_catalog_that_is_slow_or_down_is_said_until_it_is_back() {
    let world = World::open().await;
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    world.catalog.hang(true);
    tab.open(&served.url("/moves")).await;
    let running = tab.texts("#running").await.remove(0);
    assert!(running.contains("Reading jobs …"), "{running}");
    tab.picture("loading").await;
    world.catalog.hang(false);
    tab.until("document.querySelector('#running').textContent.includes('There are none.')")
        .await;
    tab.value("window.isTheSame = true").await;

    world.catalog.lose_answers(true);
    let problem = "document.querySelector('#running [role=alert]')";
    tab.until(&format!("{problem} !== null")).await;
    let said = tab.texts("#running [role=alert]").await.remove(0);
    assert!(said.contains("Could not read jobs"), "{said}");
    assert!(said.contains("What is shown was read at"), "{said}");
    tab.until("document.querySelector('#warning [role=alert]') !== null")
        .await;
    tab.picture("catalog-down").await;
    world.catalog.lose_answers(false);
    tab.until(&format!("{problem} === null")).await;
    tab.until("document.querySelector('#warning [role=alert]') === null")
        .await;
    assert!(tab.is("window.isTheSame").await);
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_key_is_found_by_the_form() {
    let world = World::open().await;
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    for key in [7, 12_345] {
        let place = world.cluster.locate(&Order::shard(key)).unwrap();
        tab.open(&served.url("/ask")).await;
        tab.act(&format!(
            "document.querySelector('[name=value]').value = '{key}';
             document.querySelector('[name=group]').value = 'elephants';
             document.querySelector('form button').click()"
        ))
        .await;
        tab.until("document.querySelector('#answer td') !== null")
            .await;
        let shard = place.shard.unwrap();
        let cells = tab.texts("#answer td").await;
        let found = [
            &*format!("{shard} of elephants"),
            &place.server,
            &place.namespace,
        ];
        assert_eq!(cells, found);
    }
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_chart_grows_without_a_reload_and_says_its_figures() {
    let world = World::open().await;
    let served = Served::start(&world.cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.resize(360, 800).await;
    tab.open(&served.url("/traffic")).await;
    tab.value("window.isTheSame = true").await;
    for id in 0..200 {
        let order = Order { id, user_id: id };
        order.insert(&world.cluster).await.unwrap();
    }
    // The first group of the page may be another one.
    let drawn = "[...document.querySelectorAll('#charts figure')].find((one) =>
        one.querySelector('title').textContent === 'Calls in a second, group elephants')";
    let points = format!("({drawn})?.querySelector('.calls').getAttribute('points').split(' ')");
    let heights = format!("new Set({points}.map((one) => one.split(',')[1])).size");
    tab.until(&format!("{points} && {heights} > 1")).await;
    let row = "[...document.querySelectorAll('#charts tbody tr')].find((one) =>
        one.querySelector('[data-label=Group]').textContent === 'elephants')";
    // At one time: a point may be added at any.
    let figures = format!(
        "[({drawn}).querySelector('desc'),
          ...['Calls', 'Highest calls'].map((one) => ({row}).querySelector(`[data-label=\"${{one}}\"]`))]
          .map((one) => one.textContent)"
    );
    let figures = tab.value(&figures).await;
    let [said, now, most]: [String; 3] = serde_json::from_value(figures).unwrap();
    assert_eq!(said, format!("Calls: {now} now, {most} at most."));
    let rate: f64 = most.trim_end_matches("/s").parse().unwrap();
    assert!(rate > 1.0, "{most}");
    let fits =
        format!("(({drawn}).querySelector('svg').getBoundingClientRect().right <= innerWidth)");
    assert!(tab.is(&fits).await);
    tab.picture("chart-360").await;
    assert!(tab.is("window.isTheSame").await);
    assert_eq!(tab.problems(), Vec::<Value>::new());
}
