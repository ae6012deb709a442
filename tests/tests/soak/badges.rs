//! Rows that all tasks try to create first: each exists once, and every task gets that one.

use std::collections::HashMap;

use shard_orm::prelude::*;

use crate::client::Client;
use crate::model::Badge;
use crate::run::Run;

/// So few that two tasks often meet.
const NAMES_AT_A_TIME: i64 = 500;

/// Asks for a badge, and compares it with what others were given.
pub(crate) async fn step(client: &mut Client, keys: &[i64]) {
    let cluster = client.run.cluster.clone();
    let id = client.run.id();
    // Ids rise, so the tasks come to new names together.
    let name = i32::try_from(id / NAMES_AT_A_TIME).unwrap();
    let user_id = *client.random.pick(keys);
    let badge = Badge { id, user_id, name };
    let call = badge.get_or_create(&cluster, (Badge::USER_ID, Badge::NAME));
    let outcome = client.write("get or create a badge", call).await;
    let Some((given, created)) = outcome.value else {
        return;
    };
    let mut badges = client.run.badges.lock().unwrap();
    let first = *badges.entry((user_id, name)).or_insert(given.id);
    drop(badges);
    if first != given.id || (given.user_id, given.name) != (user_id, name) {
        client
            .run
            .fail(format_args!("{given:?} was given where {first} was before"));
    }
    if created != (given.id == id) {
        client.run.fail(format_args!(
            "{given:?}: created is {created}, asked as {id}"
        ));
    }
}

/// Compares what the tasks were given with what is there.
pub(crate) async fn check(run: &Run) {
    let mut found: HashMap<(i64, i32), Vec<i64>> = HashMap::new();
    for row in run.rows("badges", &["id", "user_id", "name"]).await {
        let key = (row[1], i32::try_from(row[2]).unwrap());
        found.entry(key).or_default().push(row[0]);
    }
    for (key, ids) in &found {
        if ids.len() != 1 {
            run.fail(format_args!("badge {key:?} is there as {ids:?}"));
        }
    }
    for (key, id) in &*run.badges.lock().unwrap() {
        if found.get(key) != Some(&vec![*id]) {
            let ids = found.get(key);
            run.fail(format_args!("badge {key:?} was {id}, found {ids:?}"));
        }
    }
}
