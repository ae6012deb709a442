//! The card of a plan, and what the page says when an action is not done.

use serde_json::{Value, json};
use shard_orm::admin::Rebalance;
use shard_orm::config::ServerState;
use shard_orm::reshard::{CarryOut, JobState, PlanState};
use shard_orm_dashboard::{Options, Token};
use shard_orm_tests::waiting::eventually;

use crate::accessible::{TOKEN, log_in};
use crate::chromium::Chromium;
use crate::support::Served;
use crate::support::fleet::{Fleet, SLOW};
use crate::tab::Tab;

/// The page with actions, and a tab that has logged in.
async fn logged_in(fleet: &Fleet, browser: &Chromium) -> (Served, Tab) {
    let options = Options::new().token(Token::new(TOKEN).unwrap());
    let served = Served::start(&fleet.cluster, options.allow_actions()).await;
    let tab = browser.tab().await;
    log_in(&tab, &served).await;
    (served, tab)
}

/// A plan of two moves, which take long.
async fn store_plan(fleet: &Fleet) {
    let how = CarryOut::new().pace(SLOW).accept_relaxed_durability();
    let rebalance = Rebalance::new(&fleet.cluster).unwrap().how(how.clone());
    let rebalance = rebalance.assume("shop", "a", ServerState::Draining);
    let plan = rebalance.plan().await.unwrap();
    fleet.reshard.store_plan(&plan, &how).await.unwrap();
}

async fn click(tab: &Tab, id: &str) {
    tab.act(&format!("document.getElementById('{id}').click()"))
        .await;
}

/// Sends a form, and waits for the page that answers: until it is loaded and laid out, it has no picture.
async fn send(tab: &Tab, id: &str) {
    tab.value("window.isOld = true").await;
    click(tab, id).await;
    let is_new = "!window.isOld && document.readyState === 'complete'";
    let has_size = "document.documentElement.scrollWidth > 0";
    tab.until(&format!("{is_new} && {has_size}")).await;
}

/// Waits until the card of the plan has a text.
async fn card_has(tab: &Tab, text: &str) {
    tab.until(&format!(
        "document.getElementById('plan-1')?.textContent.includes({})",
        json!(text)
    ))
    .await;
}

/// Waits until the card of the plan has this state.
async fn is_badge(tab: &Tab, state: PlanState) {
    tab.until(&format!(
        "document.querySelector('#plan-1 .badge')?.textContent === {}",
        json!(state.to_string())
    ))
    .await;
}

#[tokio::test]
async fn the_card_of_a_plan_is_what_the_catalog_says_and_steers_it() {
    let fleet = Fleet::open().await;
    store_plan(&fleet).await;
    let plan = async || fleet.reshard.plan(1).await.unwrap();
    let browser = Chromium::start().await;
    let (served, tab) = logged_in(&fleet, &browser).await;
    tab.open(&served.url("/moves")).await;
    card_has(&tab, "0 of 2 done").await;
    let badge = tab.texts("#plan-1 .badge").await;
    assert_eq!(badge, [plan().await.state.to_string()]);

    send(&tab, "pause-plan-1").await;
    is_badge(&tab, PlanState::Paused).await;
    assert_eq!(plan().await.state, PlanState::Paused);
    assert!(tab.is("location.hash === '#plan-1'").await);
    assert_eq!(fleet.reshard.jobs().await.unwrap().len(), 0);
    tab.picture("plan-paused").await;

    send(&tab, "resume-plan-1").await;
    tab.until("document.querySelector('#plan-1 a[href=\"#job-1\"]') !== null")
        .await;
    let runner = plan().await.owner.unwrap();
    card_has(&tab, &runner).await;
    tab.until("document.getElementById('job-1') !== null").await;
    eventually("all jobs are on the page", async || {
        let jobs = fleet.reshard.jobs().await.unwrap();
        jobs.len() == tab.texts("#running article").await.len()
    })
    .await;
    tab.picture("plan-running").await;

    // The browser asks for the confirmation.
    click(&tab, "cancel-plan-1").await;
    assert_eq!(plan().await.state, PlanState::Open);
    tab.value("document.getElementById('jobs-1').value = 'abort'")
        .await;
    click(&tab, "confirm-plan-1").await;
    // What was chosen stays when the part is replaced.
    tab.value("document.querySelector('#plan-1 h3').append('!')")
        .await;
    tab.until("!document.querySelector('#plan-1 h3').textContent.endsWith('!')")
        .await;
    assert_eq!(
        tab.value("document.getElementById('jobs-1').value").await,
        "abort"
    );
    assert!(
        tab.is("document.getElementById('confirm-plan-1').checked")
            .await
    );
    send(&tab, "cancel-plan-1").await;
    eventually("it is cancelled", async || {
        plan().await.state == PlanState::Cancelled
    })
    .await;
    is_badge(&tab, PlanState::Cancelled).await;
    tab.until("document.querySelector('#plan-1 .actions') === null")
        .await;
    let jobs = fleet.reshard.jobs().await.unwrap();
    assert!(jobs.iter().any(|job| job.state == JobState::Aborted));
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_action_that_comes_too_late_says_why_it_was_not_done() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let browser = Chromium::start().await;
    let (served, tab) = logged_in(&fleet, &browser).await;
    // The page stays as it is.
    let off = json!({ "value": true });
    tab.call("Emulation.setScriptExecutionDisabled", off).await;
    tab.open(&served.url("/moves")).await;
    fleet.reshard.abort(1).await.unwrap();
    eventually("it is aborted", async || {
        fleet.reshard.job(1).await.unwrap().state == JobState::Aborted
    })
    .await;
    send(&tab, "pause-1").await;
    tab.until("document.querySelector('h1')?.textContent === 'Not done'")
        .await;
    let error = fleet.reshard.pause(1).await.unwrap_err();
    let said = tab.texts("main [role=alert]").await;
    assert_eq!(said, [error.to_string()]);
    tab.picture("not-done").await;
    tab.act("document.querySelector('main a').click()").await;
    tab.until("document.querySelector('#past #job-1') !== null")
        .await;
    // The status of the answer is an error of the console.
    let problems = tab.problems();
    let is_answer = |one: &Value| one["params"]["entry"]["source"] == "network";
    assert!(problems.iter().all(is_answer), "{problems:?}");
}
