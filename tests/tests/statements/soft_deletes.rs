//! Models whose rows are marked as deleted.

use shard_orm::prelude::*;

use crate::{Note, Recorder, note};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    note(5).insert(on).await.unwrap();
    recorder.record("get", Note::get(on, 1, 5)).await;
    recorder.record("update", note(5).update(on)).await;
    recorder.record("save", note(5).save(on)).await;
    recorder.record("delete", note(5).delete(on)).await;
    recorder.record("restore", note(5).restore(on)).await;
    recorder
        .record("force_delete", note(5).force_delete(on))
        .await;
    recorder.record("all", Note::on(1).all(on)).await;
    let with = Note::on(1).with_deleted();
    recorder.record("with_deleted", with.all(on)).await;
    let only = Note::on(1).only_deleted();
    recorder.record("only_deleted", only.all(on)).await;
    recorder.record("count", Note::scatter().count(on)).await;
    recorder
        .record("delete of a query", Note::on(1).delete(on))
        .await;
    let everywhere = Note::scatter().delete_everywhere(on);
    recorder.record("delete_everywhere", everywhere).await;
    recorder
        .record("restore of a query", Note::on(1).restore(on))
        .await;
    let forced = Note::on(1).with_deleted().force_delete(on);
    recorder.record("force_delete of a query", forced).await;
}
