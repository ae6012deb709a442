//! Rows of one task: inserted, changed, deleted and read.
//!
//! A write whose outcome is unknown may be carried out later than one that is sent after it. So such a row is left
//! alone from then on: it holds what it held before, or what the write made of it.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use shard_orm::Result;
use shard_orm::prelude::*;

use crate::client::Client;
use crate::model::Note;
use crate::outcome::Outcome;
use crate::run::Run;

/// So many that a list of them is more than one packet.
const MOST_LIVE: usize = 40;

/// The notes of one task.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    live: Vec<Note>,
    settled: Vec<Settled>,
}

/// A note that is not touched any more.
#[derive(Debug)]
struct Settled {
    id: i64,
    key: i64,
    /// The versions of which one must be there; `None` for no row.
    versions: [Option<i32>; 2],
}

impl Notes {
    pub(crate) async fn step(&mut self, client: &mut Client, keys: &[i64]) {
        let choice = client.random.up_to(100);
        let at = match self.live.len() {
            0 => 0,
            several => client.random.below(several),
        };
        match choice {
            _ if self.live.is_empty() => self.insert(client, keys).await,
            0..30 if self.live.len() < MOST_LIVE => self.insert(client, keys).await,
            0..55 => self.update(client, at).await,
            55..70 => self.delete(client, at).await,
            70..90 => self.find(client, at).await,
            90..95 => self.list(client, keys).await,
            _ => self.stream(client, at).await,
        }
    }

    async fn insert(&mut self, client: &mut Client, keys: &[i64]) {
        let cluster = client.run.cluster.clone();
        let note = Note::new(client.run.id(), *client.random.pick(keys), 1);
        let outcome = if client.random.percent(70) {
            let insert = note.clone().insert(&cluster);
            client.write("insert a note", insert).await.outcome
        } else {
            client
                .write("save a new note", note.save(&cluster))
                .await
                .outcome
        };
        match outcome {
            Outcome::Done => self.live.push(note),
            Outcome::Refused => self.settle(&note, [None, None]),
            Outcome::Unknown => self.settle(&note, [None, Some(1)]),
        }
    }

    async fn update(&mut self, client: &mut Client, at: usize) {
        let cluster = client.run.cluster.clone();
        let old = self.live[at].clone();
        let note = Note::new(old.id, old.user_id, old.version + 1);
        let outcome = match client.random.up_to(4) {
            0 => {
                client
                    .write("update a note", note.update(&cluster))
                    .await
                    .outcome
            }
            1 => {
                let columns = (Note::TEXT, Note::VERSION);
                let update = note.update_only(&cluster, columns);
                client
                    .write("update columns of a note", update)
                    .await
                    .outcome
            }
            2 => {
                client
                    .write("save a note", note.save(&cluster))
                    .await
                    .outcome
            }
            _ => {
                let update = Note::on(note.user_id)
                    .filter(Note::ID.eq(note.id))
                    .set(Note::TEXT, note.text.clone())
                    .set(Note::VERSION, note.version)
                    .update(&cluster);
                let outcome = client.write("update notes by a query", update).await;
                expect_one(client, outcome.value);
                outcome.outcome
            }
        };
        match outcome {
            Outcome::Done => self.live[at] = note,
            Outcome::Refused => {}
            Outcome::Unknown => {
                self.live.swap_remove(at);
                self.settle(&old, [Some(old.version), Some(note.version)]);
            }
        }
    }

    async fn delete(&mut self, client: &mut Client, at: usize) {
        let cluster = client.run.cluster.clone();
        let note = self.live[at].clone();
        let outcome = if client.random.percent(50) {
            client
                .write("delete a note", note.delete(&cluster))
                .await
                .outcome
        } else {
            let query = Note::on(note.user_id).filter(Note::ID.eq(note.id));
            let outcome = client
                .write("delete notes by a query", query.delete(&cluster))
                .await;
            expect_one(client, outcome.value);
            outcome.outcome
        };
        let versions = match outcome {
            Outcome::Done => [None, None],
            Outcome::Refused => return,
            Outcome::Unknown => [None, Some(note.version)],
        };
        self.live.swap_remove(at);
        self.settle(&note, versions);
    }

    async fn find(&mut self, client: &mut Client, at: usize) {
        let cluster = client.run.cluster.clone();
        let note = &self.live[at];
        let found = match client.random.up_to(3) {
            0 => {
                let find = Note::find(&cluster, note.user_id, note.id);
                client.read("find a note", find).await
            }
            1 => {
                let first = Note::on(note.user_id).filter(Note::ID.eq(note.id));
                client.read("filter notes", first.first(&cluster)).await
            }
            _ => client
                .read("reload a note", note.reload(&cluster))
                .await
                .map(Some),
        };
        if let Some(found) = found
            && found.as_ref() != Some(note)
        {
            client
                .run
                .fail(format_args!("acknowledged {note:?}, read {found:?}"));
        }
    }

    /// Asks all shards at once.
    async fn list(&mut self, client: &mut Client, keys: &[i64]) {
        let cluster = client.run.cluster.clone();
        let query = Note::on_each(keys.to_vec());
        let Some(found) = client
            .read("notes of all shards", query.all(&cluster))
            .await
        else {
            return;
        };
        let found: HashMap<i64, Note> = found.into_iter().map(|note| (note.id, note)).collect();
        for note in &self.live {
            if found.get(&note.id) != Some(note) {
                let read = found.get(&note.id);
                client
                    .run
                    .fail(format_args!("acknowledged {note:?}, listed {read:?}"));
            }
        }
    }

    /// Reads a stream, not always to its end.
    async fn stream(&mut self, client: &mut Client, at: usize) {
        let cluster = client.run.cluster.clone();
        let key = self.live[at].user_id;
        let most = client.random.below(MOST_LIVE);
        let stream = Note::on(key).order_by(Note::ID.asc()).stream(&cluster);
        let taken = stream.take(most).collect::<Vec<Result<Note>>>();
        let rows = client.read("a stream of notes", async {
            taken.await.into_iter().collect::<Result<Vec<Note>>>()
        });
        for note in rows.await.unwrap_or_default() {
            if note != Note::new(note.id, key, note.version) {
                client.run.fail(format_args!("nobody wrote {note:?}"));
            }
        }
    }

    fn settle(&mut self, note: &Note, versions: [Option<i32>; 2]) {
        self.settled.push(Settled {
            id: note.id,
            key: note.user_id,
            versions,
        });
    }
}

fn expect_one(client: &Client, changed: Option<u64>) {
    if changed.is_some_and(|rows| rows != 1) {
        client
            .run
            .fail(format_args!("{changed:?} rows where one is live"));
    }
}

/// Compares the notes of all tasks with what is there.
pub(crate) async fn check(run: &Run, all: &mut [Notes]) {
    let text = "CASE WHEN text = CONCAT('note ', id, ' version ', version) THEN 1 ELSE 0 END";
    let mut found: HashMap<i64, Vec<Vec<i64>>> = HashMap::new();
    for row in run.rows("notes", &["id", "user_id", "version", text]).await {
        found.entry(row[0]).or_default().push(row);
    }
    for notes in all {
        for note in std::mem::take(&mut notes.live) {
            notes.settle(&note, [Some(note.version); 2]);
        }
        for note in &notes.settled {
            let rows = found.remove(&note.id).unwrap_or_default();
            let right = note.versions.iter().any(|version| match version {
                None => rows.is_empty(),
                Some(version) => rows == [[note.id, note.key, i64::from(*version), 1]],
            });
            if !right {
                run.fail(format_args!("{note:?}: found {rows:?}"));
            }
        }
    }
    for (id, rows) in found {
        run.fail(format_args!("nobody wrote note {id}: {rows:?}"));
    }
}
