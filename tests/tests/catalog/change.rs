//! Changes of the topology: compare-and-swap, refusals, lost answers.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use shard_orm::catalog::Document;
use shard_orm::config::ServerState;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::sample;
use shard_orm_tests::waiting::{cut, eventually};

use crate::{
    Order, Setting, document, initialized, open, process_at, run_in_database, settings,
    without_password,
};

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn of_two_changes_one_wins_and_the_other_is_told(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let mut base = first;
        for round in 2..10_u64 {
            let operators = ["ben", "eva", "kim"].map(|name| catalog.clone().operator(name));
            let next = document(fixture, &format!("weight = {round}"));
            let changes = operators.iter().map(|one| one.change(&base, &next, "weights"));
            let outcomes = join_all(changes).await;
            let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 2), "{lost:?}");
            base = won.into_iter().next().unwrap().unwrap();
            assert_eq!(base.epoch, round);
            for error in lost.into_iter().map(Result::unwrap_err) {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                let says = format!("epoch {round} is by {} (weights)", base.changed_by);
                assert!(error.to_string().contains(&says), "{error}");
                let changed = format!("groups.shop.servers[server-0].weight: {} -> {round}", round - 1);
                let changed = if round == 2 { "groups.shop.servers[server-0].weight: 2 added" } else { &changed };
                assert!(error.to_string().contains(changed), "{error}");
            }
        }
        let history = catalog.history(100).await.unwrap();
        let epochs: Vec<u64> = history.iter().map(|one| one.epoch).collect();
        assert_eq!(epochs, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(history[0], base);
        assert_eq!(catalog.at(9).await.unwrap(), Some(base));
        let events = catalog.events(100).await.unwrap();
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((&*events[0].kind, &*events[0].actor), ("catalog", "ana"));
        assert_eq!((&*events[8].kind, events[8].epoch), ("topology", 9));
        assert_eq!(catalog.events_after(7, 100).await.unwrap(), events[7..]);
    }

    async fn a_catalog_is_initialized_once(fixture: &Fixture) {
        let (catalog, _) = initialized(fixture).await;
        let error = catalog.initialize(&document(fixture, "")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }

    async fn topologies_that_cannot_serve_are_refused(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let valid = document(fixture, "");
        let all = format!("{}..{}", 0, fixture.logical_shards);
        for (text, kind, says) in [
            ("no toml".to_owned(), ErrorKind::Configuration, "invalid TOML"),
            (valid.replace("logical_shards = 4", "logical_shards = 5"), ErrorKind::Configuration, "shards 4..5"),
            (valid.replace("[groups.shop]", "[groups.shop]\nstrategy = 'modulo'"), ErrorKind::Configuration, "strategy"),
            (valid.replace("'0..2'", &format!("'{all}'")), ErrorKind::Configuration, "overlaps"),
            (valid.replacen("name = '", "name = 'other_", 1), ErrorKind::Configuration, "this cluster is"),
            (valid.replace("[databases.default]", "[databases.other]"), ErrorKind::Configuration, "[databases.default]"),
            (
                format!("{valid}\n[databases.more]\nprimary = '{}'", with_password(fixture.dialect)),
                ErrorKind::Configuration,
                "databases.more.primary",
            ),
        ] {
            let error = catalog.change(&first, &text, "refused").await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(catalog.current().await.unwrap(), Some(first));
    }

    async fn a_topology_that_loses_the_catalog_is_refused(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let url = without_password(fixture.database_url());
        let other = match fixture.dialect {
            Dialect::Sqlite => url.replace(".db", "-other.db"),
            // Nobody listens there.
            _ => url.replace(url.split('/').nth(2).unwrap().rsplit('@').next().unwrap(), "127.0.0.1:1"),
        };
        let set = |document: &mut Document| document.set_database_primary("default", &other);
        let error = catalog.edit("another database", set).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("would lose the catalog"), "{error}");
        assert_eq!(catalog.current().await.unwrap(), Some(first));
    }

    async fn named_databases_are_edited(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let edit = |document: &mut Document| {
            document.add_database_replica("default", "sqlite://replica.db", 3)?;
            document.add_database_replica("default", "sqlite://other.db", 1)?;
            document.remove_database_replica("default", "sqlite://other.db")?;
            document.set_database_option("default", "some", Some("value"))?;
            document.set_database_option("default", "some", None)
        };
        let mut document: Document = first.document.parse().unwrap();
        edit(&mut document).unwrap();
        assert_eq!(document.databases()[0].replicas, ["sqlite://replica.db"]);
        let error = document.add_database_replica("default", "sqlite://replica.db", 1).unwrap_err();
        assert!(error.to_string().contains("already has this replica"), "{error}");
        let error = document.set_database_primary("other", "sqlite://x.db").unwrap_err();
        assert!(error.to_string().contains("the topology has `default`"), "{error}");
        let url = without_password(fixture.database_url());
        let set = |document: &mut Document| document.set_database_primary("default", &url);
        assert_eq!(catalog.edit("the same", set).await.unwrap().epoch, 2);
    }

    async fn a_change_moves_no_shard_unless_its_rows_were_moved(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let swapped = first.document.replace("'0..2'", "'x'").replace("'2..4'", "'0..2'");
        let swapped = swapped.replace("'x'", "'2..4'");
        let error = catalog.change(&first, &swapped, "swapped").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("shards 0 to 3 of group `shop`"), "{error}");
        let newer = format!("{}\n[groups.shop.generations]\n3 = 2", first.document);
        let error = catalog.change(&first, &newer, "newer").await.unwrap_err();
        assert!(error.to_string().contains("shard 3 of group `shop`"), "{error}");

        let by_hand = catalog.clone().allow_moves();
        let second = by_hand.change(&first, &swapped, "moved by hand").await.unwrap();
        let error = catalog.rollback(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert_eq!(catalog.current().await.unwrap(), Some(second));
        let error = catalog.rollback(7).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }

    async fn servers_are_edited_and_the_change_is_rolled_back(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let leaves = |document: &mut Document| document.set_state("shop", "server-0", ServerState::Draining);
        let second = catalog.edit("server-0 leaves", leaves).await.unwrap();
        assert!(second.document.contains("state = \"draining\""), "{}", second.document);
        let unknown = |document: &mut Document| document.remove_server("shop", "other");
        let error = catalog.edit("nothing", unknown).await.unwrap_err();
        assert!(error.to_string().contains("it has `server-0`, `server-1`"), "{error}");
        let third = catalog.rollback(1).await.unwrap();
        assert_eq!((third.epoch, &third.document), (3, &first.document));
    }

    async fn an_exported_topology_mends_a_catalog_that_went_back(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let mut last = first.clone();
        for round in 2..5 {
            let next = document(fixture, &format!("weight = {round}"));
            last = catalog.change(&last, &next, "weights").await.unwrap();
        }
        let exported = catalog.export(&last);
        let process = open(fixture, None).await;
        for table in ["shard_orm_topology", "shard_orm_event", "shard_orm_process", "shard_orm_catalog"] {
            run_in_database(fixture, &format!("DROP TABLE {table}")).await;
        }
        let restored = catalog.restore(&exported).await.unwrap();
        assert_eq!((restored.epoch, &restored.document), (last.epoch, &last.document));
        let next = document(fixture, "weight = 9");
        catalog.change(&restored, &next, "goes on").await.unwrap();
        eventually("the process follows again", async || process.topology().epoch() == 5).await;

        for (text, kind) in [
            (exported.clone(), ErrorKind::Conflict),
            (exported.replace(fixture.cluster_name(), "other"), ErrorKind::Configuration),
            ("epoch = 9".to_owned(), ErrorKind::Configuration),
        ] {
            let error = catalog.restore(&text).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    async fn a_lost_catalog_is_rebuilt_from_the_namespaces(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let process = open(fixture, None).await;
        let forget = async || {
            for table in ["shard_orm_topology", "shard_orm_event", "shard_orm_process", "shard_orm_catalog"] {
                run_in_database(fixture, &format!("DROP TABLE {table}")).await;
            }
        };
        forget().await;
        // A file whose shards are not where the rows are.
        let swapped = first.document.replace("'0..2'", "'x'").replace("'2..4'", "'0..2'");
        let swapped = swapped.replace("'x'", "'2..4'");
        let rebuilt = catalog.rebuild(&swapped, 7).await.unwrap();
        let expected = Document::of_configuration(&first.document).unwrap().to_string();
        assert_eq!((rebuilt.epoch, &rebuilt.document), (7, &expected));
        eventually("the process follows again", async || process.topology().epoch() == 7).await;
        let error = catalog.rebuild(&swapped, 8).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");

        forget().await;
        let lost = fixture.raw_namespace(3);
        lost.set_record("state = 'moved'").await;
        let error = catalog.rebuild(&first.document, 8).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("shard 3 has no active namespace"), "{error}");
    }

    async fn a_catalog_is_not_rebuilt_from_namespaces_that_contradict_each_other(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        for table in ["shard_orm_topology", "shard_orm_event", "shard_orm_process", "shard_orm_catalog"] {
            run_in_database(fixture, &format!("DROP TABLE {table}")).await;
        }
        // Two namespaces of one logical shard, both of which say that they serve it.
        let name = fixture.namespace().replace("{shard}", "0");
        let again = fixture.raw_namespace_on(1, &format!("{name}_g2"));
        fixture.raw_namespace(0).copy_to(&again).await;
        again.set_record("generation = 2, server_name = 'server-1'").await;
        let error = catalog.rebuild(&first.document, 8).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let message = error.to_string();
        for part in ["shard 0 was found twice", &format!("`{name}`"), &format!("`{name}_g2`"), "`server-1`"] {
            assert!(message.contains(part), "{message}");
        }
    }

    async fn a_change_that_is_dropped_is_stored_whole_or_not_at_all(fixture: &Fixture) {
        let (catalog, first) = initialized(fixture).await;
        let mut base = first;
        let mut proposed = Vec::new();
        for polls in 1..25 {
            let next = document(fixture, &format!("weight = {polls}"));
            cut(catalog.change(&base, &next, "weights"), polls).await;
            proposed.push(next);
            let current = catalog.current().await.unwrap().unwrap();
            if current.epoch != base.epoch {
                assert_eq!(current.epoch, base.epoch + 1);
                // An earlier one, if the server carried it out after it was dropped.
                assert!(proposed.contains(&current.document));
            }
            base = current;
        }
        let last = document(fixture, "weight = 99");
        let last = loop {
            // A change that was dropped may still be carried out by the server.
            match catalog.change(&base, &last, "weights").await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    base = catalog.current().await.unwrap().unwrap();
                }
                outcome => break outcome.unwrap(),
            }
        };
        let events = catalog.events(1_000).await.unwrap();
        assert_eq!(events.len() as u64, last.epoch);
    }

    async fn a_lost_answer_does_not_leave_the_outcome_open(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let (_, first) = initialized(fixture).await;
        let rounds = sample::kills(20);
        let relay = Relay::to(fixture.database_url()).await;
        let url = relay.url(fixture.database_url());
        let config = process_at(fixture, &url, settings().heartbeat(None));
        let operator = Cluster::connect(&config).await.unwrap();
        let catalog = operator.catalog().unwrap();
        let observer = open(fixture, None).await.catalog().unwrap();
        let mut base = first;
        for round in 0..rounds {
            let next = document(fixture, &format!("weight = {}", round + 1));
            let ended = AtomicBool::new(false);
            let sent = relay.sent() + 1 + (round % 8) as usize;
            let cutter = async {
                while relay.sent() < sent && !ended.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                let opened = relay.opened();
                relay.lose_answers(true);
                while relay.opened() == opened && !ended.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                relay.lose_answers(false);
            };
            let change = async {
                let outcome = catalog.change(&base, &next, "weights").await;
                ended.store(true, Ordering::Relaxed);
                outcome
            };
            let (changed, ()) = futures_util::future::join(change, cutter).await;
            let changed = changed.unwrap();
            assert_eq!(changed.epoch, base.epoch + 1);
            assert_eq!(observer.current().await.unwrap().as_ref(), Some(&changed));
            base = changed;
        }
        let events = observer.events(10_000).await.unwrap();
        assert_eq!(events.len() as u64, base.epoch);
    }
}

/// A URL with a password.
fn with_password(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "mysql://app:secret@localhost/db",
        _ => "postgres://app:secret@localhost/db",
    }
}

behaviours! { (Order, Setting), 64 shards on 4 servers, |options| options;
    async fn the_catalog_of_64_namespaces_is_rebuilt_byte_for_byte(fixture: &Fixture) {
        let (catalog, _) = initialized(fixture).await;
        let edit = |document: &mut Document| {
            document.set_weight("shop", "server-1", 3)?;
            document.set_capacity("shop", "server-2", Some(1 << 40))?;
            document.set_state("shop", "server-3", ServerState::Draining)
        };
        catalog.edit("as it was", edit).await.unwrap();
        let mut base = catalog.current().await.unwrap().unwrap();
        let canonical = Document::of_configuration(&base.document).unwrap().to_string();
        base = catalog.change(&base, &canonical, "canonical").await.unwrap();
        for table in ["shard_orm_topology", "shard_orm_event", "shard_orm_process", "shard_orm_catalog"] {
            run_in_database(fixture, &format!("DROP TABLE {table}")).await;
        }
        // The operator's file knows the servers, and nothing of where the shards are.
        let file = base.document.replace("[\"0..16\"]", "[\"x\"]").replace("[\"48..64\"]", "[\"0..16\"]");
        let file = file.replace("[\"x\"]", "[\"48..64\"]");
        assert_ne!(file, base.document);
        let rebuilt = catalog.rebuild(&file, 9).await.unwrap();
        assert_eq!((rebuilt.epoch, &rebuilt.document), (9, &base.document));
    }
}
