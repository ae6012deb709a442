//! Actions on a job of a cluster of SQLite files: what they do, who is recorded, and which requests are refused.

#![allow(clippy::unwrap_used)]

mod support;

use shard_orm::admin::Rebalance;
use shard_orm::config::ServerState;
use shard_orm::prelude::*;
use shard_orm::reshard::{CarryOut, JobState, Pace, PlanState, Wish};
use shard_orm_dashboard::{Options, Token, check_bind, settle};
use shard_orm_tests::waiting::eventually;
use support::fleet::{Fleet, Order, SLOW};
use support::{Response, Served};

const TOKEN: &str = "0123456789abcdef";

fn options() -> Options {
    Options::new().token(Token::new(TOKEN).unwrap())
}

/// A viewer who has the token.
struct Viewer<'s> {
    served: &'s Served,
    /// The header that proves it.
    proof: String,
}

impl<'s> Viewer<'s> {
    fn program(served: &'s Served) -> Self {
        let proof = format!("Authorization: Bearer {TOKEN}\r\n");
        Self { served, proof }
    }

    /// With the cookie of the login.
    async fn person(served: &'s Served) -> Self {
        let response = served.post("/login", "", &format!("token={TOKEN}")).await;
        assert_eq!(response.status, 303);
        let cookie = response.header("set-cookie").split(';').next().unwrap();
        let proof = format!("Cookie: {cookie}\r\n");
        Self { served, proof }
    }

    async fn get(&self, path: &str) -> Response {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{}",
            self.served.address, self.proof
        );
        self.served.send(&head, "").await
    }

    /// Sends the fields as a form, as a browser does.
    async fn post(&self, path: &str, fields: &str) -> Response {
        let headers = format!("{}Origin: http://{}\r\n", self.proof, self.served.address);
        self.served.post(path, &headers, fields).await
    }

    /// The field of its forms that other sites do not know.
    async fn form(&self) -> String {
        let page = self.get("/moves").await.body;
        let (_, after) = page.split_once("name=\"form\" value=\"").unwrap();
        format!("form={}", after.split('"').next().unwrap())
    }

    /// Does something that is done.
    async fn act(&self, action: &str, fields: &str) {
        self.act_on("job", action, fields).await;
    }

    async fn act_on(&self, what: &str, action: &str, fields: &str) {
        let fields = format!("{}&{fields}", self.form().await);
        let done = self.post(&format!("/{what}/1/{action}"), &fields).await;
        assert_eq!(
            (done.status, done.header("location")),
            (303, &*format!("/moves#{what}-1")),
            "{action}: {}",
            done.body
        );
    }
}

#[tokio::test]
async fn each_action_is_done_and_recorded() {
    let fleet = Fleet::open().await;
    let job = async || fleet.reshard.job(1).await.unwrap();
    fleet.move_slowly().await;
    eventually("rows are copied", async || job().await.copied.rows > 0).await;
    let served = Served::start(&fleet.cluster, options().allow_actions()).await;
    let viewer = Viewer::person(&served).await;

    viewer.act("pause", "").await;
    assert_eq!(job().await.wish, Wish::Pause);
    let page = viewer.get("/moves").await.body;
    assert!(page.contains("copying, asked to pause"), "{page}");
    assert!(!page.contains("Pause job 1"), "{page}");
    eventually("its runner stops", async || job().await.owner.is_none()).await;

    viewer.act("throttle", "pace=30").await;
    assert_eq!(job().await.pace, Pace::RowsPerSecond(30));

    viewer.act("resume", "").await;
    eventually("the dashboard runs it", async || {
        let job = job().await;
        let owner = job.owner.unwrap_or_default();
        job.wish == Wish::Run && owner.contains(" via dashboard ")
    })
    .await;
    assert_eq!(job().await.state, JobState::Copying);

    viewer.act("abort", "confirmed=yes").await;
    eventually("it is aborted", async || {
        job().await.state == JobState::Aborted
    })
    .await;
    settle(&fleet.cluster).await;
    let place = fleet.cluster.locate(&Order::shard(fleet.key)).unwrap();
    assert_eq!(place.server, "a");

    let events = fleet.cluster.catalog().unwrap().events(100).await.unwrap();
    let own = events
        .iter()
        .filter(|event| event.actor.ends_with(" via dashboard"));
    let messages: Vec<&str> = own
        .filter_map(|event| event.message.split_once(": "))
        .map(|(_, what)| what)
        .collect();
    let asked = [
        "pause is asked for",
        "its pace is 30",
        "run is asked for",
        "abort is asked for",
    ];
    let asked_for = |message: &&str| asked.contains(message);
    let messages: Vec<&str> = messages.into_iter().filter(asked_for).collect();
    assert_eq!(messages, asked, "{events:?}");
    let page = viewer.get("/moves").await.body;
    assert!(page.contains("via dashboard</td>"), "{page}");
    assert!(!page.contains("<form"), "{page}");
}

#[tokio::test]
async fn a_plan_is_paused_resumed_and_cancelled() {
    let fleet = Fleet::open().await;
    let how = CarryOut::new().pace(SLOW).accept_relaxed_durability();
    let rebalance = Rebalance::new(&fleet.cluster).unwrap().how(how.clone());
    let rebalance = rebalance.assume("shop", "a", ServerState::Draining);
    let plan = rebalance.plan().await.unwrap();
    assert_eq!(plan.steps.len(), 2, "{plan:?}");
    fleet.reshard.store_plan(&plan, &how).await.unwrap();
    let plan = async || fleet.reshard.plan(1).await.unwrap();
    let served = Served::start(&fleet.cluster, options().allow_actions()).await;
    let viewer = Viewer::program(&served);

    viewer.act_on("plan", "pause", "").await;
    assert_eq!(plan().await.state, PlanState::Paused);
    let page = viewer.get("/moves").await.body;
    assert!(page.contains("0 of 2 done"), "{page}");
    assert!(!page.contains("Pause plan 1"), "{page}");
    viewer.act_on("plan", "resume", "").await;
    eventually("the dashboard runs it", async || {
        let owner = plan().await.owner.unwrap_or_default();
        owner.contains(" via dashboard ") && !fleet.reshard.jobs().await.unwrap().is_empty()
    })
    .await;

    let form = viewer.form().await;
    for fields in ["jobs=abort", "confirmed=yes&jobs=none", "confirmed=yes"] {
        let refused = viewer
            .post("/plan/1/cancel", &format!("{form}&{fields}"))
            .await;
        assert!(
            matches!(refused.status, 404 | 422),
            "{fields}: {}",
            refused.body
        );
    }
    assert_eq!(plan().await.state, PlanState::Open);
    viewer
        .act_on("plan", "cancel", "confirmed=yes&jobs=abort")
        .await;
    eventually("it is cancelled", async || {
        plan().await.state == PlanState::Cancelled
    })
    .await;
    let jobs = fleet.reshard.jobs().await.unwrap();
    let is_aborted = jobs.iter().any(|job| job.state == JobState::Aborted);
    assert!(is_aborted, "{jobs:?}");
    let events = fleet.cluster.catalog().unwrap().events(100).await.unwrap();
    let own = events
        .iter()
        .filter(|event| event.actor.ends_with(" via dashboard"));
    let messages: Vec<&str> = own.map(|event| &*event.message).collect();
    for asked in ["plan 1: paused", "plan 1: open", "plan 1: aborting"] {
        assert!(messages.contains(&asked), "{asked}: {messages:?}");
    }
    let refused = viewer.post("/plan/1/pause", &form).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("role=\"alert\""), "{}", refused.body);
}

#[tokio::test]
async fn events_name_the_holder_of_the_token() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let token = |last: char| format!("0123456789abcde{last}");
    let named = |options: Options, name: &str, last| {
        let token = Token::new(&token(last)).unwrap();
        options.named_token(name, token).unwrap()
    };
    let options = named(named(options(), "ann", 'g'), "ben@example.com", 'h');
    let served = Served::start(&fleet.cluster, options.allow_actions()).await;
    let viewer = |last| Viewer {
        served: &served,
        proof: format!("Authorization: Bearer {}\r\n", token(last)),
    };
    let actor = async |pace: u32| {
        let events = fleet.cluster.catalog().unwrap().events(100).await.unwrap();
        let message = format!("its pace is {pace}");
        let mut own = events.into_iter();
        let own = own.find(|event| event.message.ends_with(&message));
        own.unwrap().actor
    };
    let (ann, ben, all) = (viewer('g'), viewer('h'), viewer('f'));
    ann.act("throttle", "pace=11").await;
    assert_eq!(actor(11).await, "ann via dashboard");
    ben.act("throttle", "pace=12").await;
    assert_eq!(actor(12).await, "ben@example.com via dashboard");
    all.act("throttle", "pace=13").await;
    let own = actor(13).await;
    assert!(
        own.ends_with(" via dashboard") && !own.starts_with("ann") && !own.starts_with("ben"),
        "{own}"
    );
    let page = ann.get("/moves").await.body;
    assert!(
        page.contains("Events of your actions name you: ann."),
        "{page}"
    );
    assert!(!all.get("/moves").await.body.contains("name you"));

    // The form of one is not that of another one.
    let form = ann.form().await;
    assert_eq!(ben.post("/job/1/pause", &form).await.status, 403);
    assert_eq!(fleet.reshard.job(1).await.unwrap().wish, Wish::Run);
    assert!(
        Options::new()
            .named_token("ann b", Token::new(TOKEN).unwrap())
            .is_err()
    );
    // A person logs in with the token of the name.
    let login = served
        .post("/login", "", &format!("token={}", token('h')))
        .await;
    let cookie = login.header("set-cookie").split(';').next().unwrap();
    let person = Viewer {
        served: &served,
        proof: format!("Cookie: {cookie}\r\n"),
    };
    person.act("throttle", "pace=14").await;
    assert_eq!(actor(14).await, "ben@example.com via dashboard");
}

#[tokio::test]
async fn what_is_not_sent_by_a_form_of_the_viewer_is_refused() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let served = Served::start(
        &fleet.cluster,
        options().allow_actions().host("ops.example.com"),
    )
    .await;
    let (person, program) = (Viewer::person(&served).await, Viewer::program(&served));
    let form = person.form().await;
    let other = Viewer::person(&served).await.form().await;
    assert_ne!(form, other);
    let pause = "/job/1/pause";

    for (fields, why) in [
        ("", "no form"),
        ("form=", "an empty form"),
        (&*other, "that of another session"),
        (&*program.form().await, "that of no session"),
        (&*format!("{form}0"), "a longer one"),
        (&*format!("form={TOKEN}"), "the token"),
    ] {
        let refused = person.post(pause, fields).await;
        assert_eq!(refused.status, 403, "{why}: {}", refused.body);
        assert!(refused.body.contains("role=\"alert\""), "{why}");
    }
    let own = format!("Host: {}\r\n", served.address);
    let proof = &person.proof;
    for (headers, status) in [
        (
            format!("{own}{proof}Origin: https://evil.example.com\r\n"),
            403,
        ),
        (format!("{own}{proof}Origin: http://127.0.0.1:1\r\n"), 403),
        (format!("{own}{proof}Origin: null\r\n"), 403),
        (format!("{own}{proof}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{own}{proof}Sec-Fetch-Site: same-site\r\n"), 403),
        (
            format!("Host: evil.example.com\r\n{proof}Origin: http://evil.example.com\r\n"),
            403,
        ),
        (own.clone(), 401),
        (format!("{own}Cookie: shard_orm_dashboard=00.00\r\n"), 401),
    ] {
        let refused = served.post_as(pause, &headers, &form).await;
        assert_eq!(refused.status, status, "{headers}: {}", refused.body);
    }
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let head = format!("{method} {pause} HTTP/1.1\r\n{own}{proof}Content-Length: 0\r\n");
        assert_eq!(served.send(&head, "").await.status, 405, "{method}");
    }
    let huge = format!("{form}&pace={}", "9".repeat(100_000));
    assert_eq!(person.post("/job/1/throttle", &huge).await.status, 413);
    let as_text = format!(
        "POST {pause} HTTP/1.1\r\n{own}{proof}Content-Type: text/plain\r\nContent-Length: {}\r\n",
        form.len()
    );
    assert_eq!(served.send(&as_text, &form).await.status, 415);

    let job = fleet.reshard.job(1).await.unwrap();
    assert_eq!((job.wish, job.pace), (Wish::Run, SLOW));
    // The same form is heeded without what other sites can send, and from behind a proxy.
    for headers in [
        format!("{own}{proof}"),
        format!("{own}{proof}Sec-Fetch-Site: same-origin\r\n"),
        format!("{own}{proof}Origin: https://ops.example.com\r\n"),
    ] {
        let done = served.post_as(pause, &headers, &form).await;
        assert_eq!(done.status, 303, "{headers}: {}", done.body);
    }
    assert_eq!(fleet.reshard.job(1).await.unwrap().wish, Wish::Pause);
}

#[tokio::test]
async fn errors_of_the_library_are_shown_with_their_mend() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    let served = Served::start(&fleet.cluster, options().allow_actions()).await;
    let viewer = Viewer::program(&served);
    let form = viewer.form().await;
    for (path, fields, status, part) in [
        (
            "/job/1/throttle",
            "pace=fast",
            422,
            "it is `gentle`, `full`, or",
        ),
        ("/job/1/throttle", "pace=-1", 422, "`-1` is no pace"),
        (
            "/job/1/throttle",
            "pace=%3Cscript%3Ealert(1)%3C/script%3E",
            422,
            "&#60;script&#62;alert(1)",
        ),
        ("/job/1/abort", "", 422, "tick the box"),
        ("/job/1/abort", "confirmed=no", 422, "tick the box"),
        (
            "/job/17/pause",
            "",
            404,
            "no job 17; see `shard-orm job list`",
        ),
        ("/job/x/pause", "", 404, "no such action"),
        ("/job/1/finish", "", 404, "no such action"),
    ] {
        let refused = viewer.post(path, &format!("{form}&{fields}")).await;
        assert_eq!(refused.status, status, "{path} {fields}: {}", refused.body);
        assert!(refused.body.contains(part), "{path}: {}", refused.body);
        assert!(!refused.body.contains("<script>"), "{}", refused.body);
    }
    // Sent twice, it is done once more.
    for _ in 0..2 {
        viewer.act("pause", "").await;
    }
    viewer.act("abort", "confirmed=yes").await;
    eventually("it is aborted", async || {
        fleet.reshard.job(1).await.unwrap().state == JobState::Aborted
    })
    .await;
    for (action, fields) in [
        ("pause", ""),
        ("resume", ""),
        ("throttle", "pace=full"),
        ("abort", "confirmed=yes"),
    ] {
        let path = format!("/job/1/{action}");
        let refused = viewer.post(&path, &format!("{form}&{fields}")).await;
        assert_eq!(refused.status, 409, "{action}: {}", refused.body);
        let says = "is `aborted`";
        assert!(refused.body.contains(says), "{action}: {}", refused.body);
        assert!(
            refused.body.contains("see `shard-orm job"),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn a_page_without_actions_has_no_forms_and_does_nothing() {
    let fleet = Fleet::open().await;
    fleet.move_slowly().await;
    // Actions without a token have no effect.
    for options in [options(), Options::new().allow_actions(), Options::new()] {
        let served = Served::start(&fleet.cluster, options).await;
        let viewer = Viewer::program(&served);
        let page = viewer.get("/moves").await.body;
        assert!(page.contains("Job 1: move"), "{page}");
        assert!(!page.contains("<form"), "{page}");
        assert!(
            page.contains("Nothing can be changed from this page"),
            "{page}"
        );
        let refused = viewer.post("/job/1/pause", "form=").await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        let advice = "`--allow-actions` and `--token-file`";
        assert!(refused.body.contains(advice), "{}", refused.body);
    }
    assert_eq!(fleet.reshard.job(1).await.unwrap().wish, Wish::Run);
}

#[test]
fn actions_without_a_token_are_refused_at_the_start() {
    let here = "127.0.0.1".parse().unwrap();
    let refused = check_bind(here, Options::new().allow_actions()).unwrap_err();
    assert!(refused.contains("`--token-file`"), "{refused}");
    assert!(check_bind(here, options().allow_actions()).is_ok());
}
