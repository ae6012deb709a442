//! Actions by the forms of the page, with and without scripts.

use serde_json::{Value, json};
use shard_orm::reshard::{JobState, Pace, Wish};
use shard_orm_dashboard::{Options, Token};
use shard_orm_tests::waiting::eventually;

use crate::accessible::{TOKEN, log_in};
use crate::chromium::Chromium;
use crate::support::Served;
use crate::support::fleet::Fleet;
use crate::tab::Tab;

/// Clicks, and waits for the page that answers.
async fn click(tab: &Tab, id: &str, then: &str) {
    tab.act(&format!("document.getElementById('{id}').click()"))
        .await;
    tab.until(then).await;
}

async fn a_job_is_steered(with_scripts: bool) {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let job = async || fleet.reshard.job(1).await.unwrap();
    let options = Options::new().token(Token::new(TOKEN).unwrap());
    let served = Served::start(&fleet.cluster, options.allow_actions()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    if !with_scripts {
        // Those of pages; what the test evaluates runs.
        let off = json!({ "value": true });
        tab.call("Emulation.setScriptExecutionDisabled", off).await;
    }
    log_in(&tab, &served).await;
    tab.open(&served.url("/moves")).await;

    click(
        &tab,
        "pause-1",
        "document.getElementById('resume-1') !== null",
    )
    .await;
    assert_eq!(job().await.wish, Wish::Pause);
    assert!(tab.is("location.hash === '#job-1'").await);
    eventually("its runner stops", async || job().await.owner.is_none()).await;

    tab.value("document.getElementById('pace-1').value = '15'")
        .await;
    if with_scripts {
        // What was entered stays when the part is replaced.
        tab.value("document.getElementById('pace-1').focus(); document.querySelector('#job-1 h3').append('!')")
            .await;
        tab.until("!document.querySelector('#job-1 h3').textContent.endsWith('!')")
            .await;
        assert_eq!(tab.value("document.activeElement.value").await, "15");
    }
    let is_shown = "document.getElementById('job-1').textContent.includes('at most 15 rows/s')";
    click(&tab, "throttle-1", is_shown).await;
    assert_eq!(job().await.pace, Pace::RowsPerSecond(15));

    click(
        &tab,
        "resume-1",
        "document.getElementById('pause-1') !== null",
    )
    .await;
    eventually("the dashboard runs it", async || {
        job()
            .await
            .owner
            .is_some_and(|owner| owner.contains(" via dashboard "))
    })
    .await;

    // The browser asks for the confirmation.
    tab.act("document.getElementById('abort-1').click()").await;
    assert_eq!(job().await.wish, Wish::Run);
    tab.value("document.getElementById('confirm-1').click()")
        .await;
    click(
        &tab,
        "abort-1",
        "document.getElementById('abort-1') === null",
    )
    .await;
    eventually("it is aborted", async || {
        job().await.state == JobState::Aborted
    })
    .await;
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_job_is_steered_by_forms() {
    a_job_is_steered(true).await;
}

#[tokio::test]
async fn a_job_is_steered_without_scripts() {
    a_job_is_steered(false).await;
}

#[tokio::test]
async fn another_site_cannot_act_through_the_browser() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let options = Options::new().token(Token::new(TOKEN).unwrap());
    let served = Served::start(&fleet.cluster, options.allow_actions()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    log_in(&tab, &served).await;
    tab.open(&served.url("/moves")).await;
    let form = tab
        .value("document.querySelector('[name=form]').value")
        .await;
    // Even with the value of the form, which it cannot read. Another port of the same machine is of the same site for
    // cookies, so that one is the harder one.
    let action = json!(served.url("/job/1/pause"));
    let page = format!("<form method=post action={action}><input name=form value={form}></form>");
    for site in ["data:text/html,", ""] {
        let url = match site {
            "" => Site::of(page.clone()).await,
            site => format!("{site}{page}"),
        };
        tab.open(&url).await;
        tab.act("document.forms[0].submit()").await;
        tab.until("['Not done', 'Log in'].includes(document.querySelector('h1')?.textContent)")
            .await;
        assert_eq!(fleet.reshard.job(1).await.unwrap().wish, Wish::Run);
    }
}

/// Another server of this machine.
struct Site;

impl Site {
    /// The address of a page.
    async fn of(page: String) -> String {
        let answer = axum::response::Html(page);
        let router = axum::Router::new().fallback(async || answer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(shard_orm_dashboard::serve(
            listener,
            router,
            std::future::pending(),
        ));
        format!("http://{address}/")
    }
}
