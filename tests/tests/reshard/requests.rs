//! What is refused, and how an operator steers a job.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use shard_orm::reshard::{JobKind, JobState};
use shard_orm_tests::behaviours;

use crate::writer::{assert_rows, order};
use crate::{MOVING, Order, Setting, cluster};

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_move_that_makes_no_sense_is_refused(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let reshard = operator.reshard().unwrap();
        for (group, shard, server, part) in [
            ("shop", MOVING, "server-0", "is on server `server-0` already"),
            ("shop", MOVING, "elsewhere", "has no server `elsewhere`"),
            ("shop", 9, "server-1", "no logical shard 9"),
            ("other", MOVING, "server-1", "unknown group `other`"),
        ] {
            let error = reshard.move_shard(group, shard, server).plan().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = reshard.run(17).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let error = fixture.cluster.reshard().unwrap_err();
        assert!(error.to_string().contains("catalog"), "{error}");
    }

    async fn a_table_without_a_primary_key_is_named(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let raw = fixture.raw_namespace(MOVING);
        raw.run(&format!("CREATE TABLE {} (a INT)", raw.table("keyless"))).await;
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        let named = planned.obstacles.iter().any(|obstacle| obstacle.about.contains("`keyless`"));
        assert!(named, "{planned}");
        let error = request.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`keyless`"), "{error}");
        assert!(reshard.jobs().await.unwrap().is_empty());
    }

    async fn of_several_operators_one_creates_the_job(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let reshard = operator.reshard().unwrap();
        let requests = (0..6).map(|_| {
            let reshard = reshard.clone();
            async move {
                let request = reshard.move_shard("shop", MOVING, "server-1");
                request.accept_relaxed_durability().start().await
            }
        });
        let (created, refused): (Vec<_>, Vec<_>) =
            join_all(requests).await.into_iter().partition(Result::is_ok);
        assert_eq!(created.len(), 1, "{created:?}");
        for error in refused.into_iter().map(Result::unwrap_err) {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
        assert_eq!(reshard.jobs().await.unwrap().len(), 1);
    }

    async fn a_lock_that_is_held_refuses_a_job_unless_another_creation_left_it(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap();
        reshard.abort(job.id).await.unwrap();
        reshard.run(job.id).await.unwrap();
        let raw = fixture.raw_namespace(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expiry = (now + Duration::from_secs(3)).as_millis();
        raw.run(&format!("UPDATE {} SET token = 'another', expires_at = {expiry}", raw.table("shard_orm_lock"))).await;
        let hold = async |holder: &str| {
            raw.run(&format!("UPDATE {} SET holder = '{holder}'", raw.table("shard_orm_lock_holder"))).await;
        };
        hold("ann@office").await;
        let error = request.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("ann@office"), "{error}");
        // As in a namespace that moved while a job of another shard was created, and back.
        hold("ann@office, which creates a move").await;
        request.start().await.unwrap();
    }

    async fn one_job_of_a_group_at_a_time(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap();
        let error = request.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("job 1"), "{error}");
        // Nor do its tables change meanwhile.
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("shop")).unwrap();
        std::fs::write(folder.path().join("shop/1_notes.sql"), "CREATE TABLE notes (id INT PRIMARY KEY);").unwrap();
        let migrations = Migrations::from_folder(folder.path()).unwrap();
        let error = operator.migrate(&migrations).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        reshard.abort(job.id).await.unwrap();
        reshard.run(job.id).await.unwrap();
        operator.migrate(&migrations).up().await.unwrap();
    }

    async fn a_job_is_paused_resumed_and_finished(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..100).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, rows.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap();
        for refused in [reshard.finish(job.id).await, reshard.reverse(job.id).await] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        }
        reshard.pause(job.id).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Preparing);
        reshard.resume(job.id).await.unwrap();
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Holding);
        for refused in [reshard.abort(job.id).await, reshard.pause(job.id).await] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        }
        reshard.finish(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Finished);
        assert_eq!(job.copied.rows, 100);
        assert!(job.copied.pause.is_some());
        assert_rows(&operator, key, &rows).await;
        // A job that is over stays as it is.
        assert_eq!(reshard.run(job.id).await.unwrap().state, JobState::Finished);
        assert_eq!(reshard.abort(job.id).await.unwrap_err().kind(), ErrorKind::Conflict);
        let events = operator.catalog().unwrap().events(100).await.unwrap();
        let states = events.iter().filter(|event| event.kind == "job");
        let messages: Vec<&str> = states.map(|event| event.message.as_str()).collect();
        assert!(messages.iter().any(|message| message.ends_with("switching")), "{messages:?}");
        assert!(messages.iter().any(|message| message.ends_with("finished")), "{messages:?}");
    }

    async fn a_clone_never_serves(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..100).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, rows.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        let request = reshard.clone_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!((job.kind, job.state), (JobKind::Duplicate, JobState::Finished));
        assert_eq!(operator.locate(&Order::shard(key)).unwrap().server, "server-0");
        order(fixture, key, 7).insert(&operator).await.unwrap();
        let name = fixture.namespace().replace("{shard}", &format!("{MOVING}"));
        let copy = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        let count = format!("(SELECT COUNT(*) FROM {})", copy.table("orders"));
        assert_eq!(copy.record(&count).await.as_deref(), Some("100"));
        assert_eq!(copy.record("state").await.as_deref(), Some("dead"));
    }
}
