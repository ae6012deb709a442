//! Any sequence of moves, splits, merges and isolations, whose runners are killed: each row is where the router looks.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;
use shard_orm::reshard::{Job, JobState, Reshard};
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::sample;

use crate::killed::{LEASE, kill_after, run};
use crate::splits::{rows_of, shards};
use crate::writer::{Writer, assert_rows};
use crate::{Order, Setting, cluster, process};

/// Random choices.
pub(crate) struct Choice(pub(crate) u64);

impl Choice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = mix64(self.0);
        self.0
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.next() % all.len() as u64;
        all[usize::try_from(at).unwrap()]
    }
}

/// Creates a job of any kind; `None` if the one that was chosen makes no sense.
pub(crate) async fn start(
    reshard: &Reshard,
    cluster: &Cluster,
    keys: &[i64],
    choice: &mut Choice,
) -> Result<Option<Job>, shard_orm::Error> {
    let topology = cluster.topology();
    let group = topology.group("shop").unwrap();
    let used: Vec<u32> = group.shards().collect();
    let server = |choice: &mut Choice| choice.of(&["server-0", "server-1"]);
    let shard = choice.of(&used);
    let started = match choice.next() % 5 {
        0 => {
            let to = server(choice);
            let request = reshard.move_shard("shop", shard, to);
            request.accept_relaxed_durability().start().await
        }
        1 | 2 if used.len() < 8 => {
            let into = [server(choice), server(choice)];
            let request = reshard.split_shard("shop", shard, into).key("user_id");
            request.accept_relaxed_durability().start().await
        }
        3 => {
            let to = server(choice);
            let request = reshard.isolate("shop", choice.of(keys), to).unwrap();
            let request = request.key("user_id").accept_relaxed_durability();
            request.start().await
        }
        _ => {
            let to = server(choice);
            let request = reshard.merge_shards("shop", [shard, choice.of(&used)], to);
            let request = request.key("user_id").accept_relaxed_durability();
            request.start().await
        }
    };
    match started {
        Ok(job) => Ok(Some(job)),
        // A shard that is there already, neighbours that are none, a shard of one key.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Configuration | ErrorKind::Unsupported
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn any_sequence_of_jobs_leaves_each_row_where_it_is_looked_for(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let application = process(fixture).await;
        let keys: Vec<i64> = (0..24).map(|number| number * 977 + 5).collect();
        let mut rows = rows_of(fixture, &application, &keys, 25).await;
        let all: usize = rows.iter().map(Vec::len).sum();
        let writers: Vec<Writer> = keys.iter().step_by(6)
            .map(|key| Writer::start(fixture, application.clone(), *key)).collect();
        let reshard = operator.reshard().unwrap().lease(LEASE);
        let mut choice = Choice(sample::seed());
        let mut left = sample::kills(14);
        let mut ordered = Box::pin(Order::scatter().filter(Order::AMOUNT.ge(0)).order_by(Order::ID.asc()).stream(&application));
        let first = ordered.try_next().await.unwrap();
        while left > 0 {
            let started = start(&reshard, &operator, &keys, &mut choice).await;
            let Some(job) = started.unwrap() else {
                continue;
            };
            loop {
                let delay = Duration::from_micros(choice.next() >> 32 & 0x3fff);
                if left > 0 && kill_after(fixture, job.id, choice.next() % 21, delay).await {
                    left -= 1;
                }
                let state = reshard.job(job.id).await.unwrap().state;
                match state {
                    state if state.is_over() => break,
                    JobState::Holding if choice.next().is_multiple_of(3) => {
                        drop(reshard.reverse(job.id).await);
                    }
                    JobState::Holding => drop(reshard.finish(job.id).await),
                    state if state.is_before_switch() && choice.next().is_multiple_of(8) => {
                        drop(reshard.abort(job.id).await);
                    }
                    _ => {}
                }
                if left == 0 {
                    let ended = run(&reshard, job.id).await;
                    if ended.state == JobState::Holding {
                        drop(reshard.finish(job.id).await);
                    }
                }
            }
            println!("{:?}", reshard.job(job.id).await.unwrap());
        }
        // A stream that began before goes on, or ends with an error that says so.
        let mut streamed = usize::from(first.is_some());
        loop {
            match ordered.try_next().await {
                Ok(Some(_)) => streamed += 1,
                Ok(None) => {
                    assert!(streamed >= all, "{streamed} of {all}");
                    break;
                }
                Err(error) => {
                    assert!(error.is_retryable() || error.kind() == ErrorKind::ShardMoved, "{error}");
                    break;
                }
            }
        }
        drop(ordered);
        for (rows, writer) in rows.iter_mut().step_by(6).zip(writers) {
            rows.extend(writer.end().await);
        }
        let newest = process(fixture).await;
        println!("{:?}", shards(&newest, &keys));
        for (key, rows) in keys.iter().zip(&rows) {
            assert_rows(&newest, *key, rows).await;
            assert_rows(&application, *key, rows).await;
        }
        let all: usize = rows.iter().map(Vec::len).sum();
        assert_eq!(Order::scatter().count(&newest).await.unwrap(), all as u64);
    }
}
