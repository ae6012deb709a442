//! `migrate drift` on all databases.

use std::fs;

use shard_orm_tests::behaviours;

use crate::fixture::Folder;
use crate::servers::Order;

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn drift_is_found_shown_and_mended(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        fs::create_dir_all(folder.path().join("migrations/shop")).unwrap();
        folder.write("migrations/shop/1_notes.sql", "CREATE TABLE notes (id BIGINT PRIMARY KEY, item VARCHAR(20));");
        folder.write("migrations/shop/2_index.sql", "CREATE INDEX notes_item ON notes (item);");
        // The tables of the fixture are in no file.
        folder.write("migrations/shop/3_orders.sql", "CREATE TABLE IF NOT EXISTS orders (id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL);");
        assert_eq!(folder.run(&["migrate", "up"]).code, 0);
        let drift = ["migrate", "drift", "--group", "shop"];
        let none = folder.run(&[&drift[..], &["--json"]].concat());
        let targets = &none.json(none.code)["targets"];
        // A model's integer on SQLite has another type than a file's.
        let deviations = |targets: &serde_json::Value| -> Vec<serde_json::Value> {
            let all = targets[0]["deviations"].as_array().unwrap().iter();
            all.filter(|one| one["table"] == "notes").cloned().collect()
        };
        assert_eq!((deviations(targets).len(), &targets[0]["namespaces"]), (0, &4.into()), "{targets}");

        let drop = match fixture.dialect {
            shard_orm::Dialect::MySql => "DROP INDEX notes_item ON notes",
            _ => "DROP INDEX notes_item",
        };
        assert_eq!(folder.run(&["sql", "--shard", "2", "--yes", drop]).code, 0);
        let found = folder.run(&[&drift[..], &["--json"]].concat()).json(3);
        let found = deviations(&found["targets"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0]["location"]["shard"], &found[0]["as_expected"]), (&2.into(), &3.into()), "{found:?}");
        assert_eq!(found[0]["deviation"]["aspect"], "index");
        let text = folder.run(&drift);
        assert!(text.stdout.contains("shop: table `notes`: index `(item)`: expected `(item)`, found none\n"), "{text:?}");
        assert!(text.stdout.contains("1 of 4 namespaces have it so, 3 as the files say"), "{text:?}");

        let mend = found[0]["statements"][0]["sql"].as_str().unwrap();
        assert!(text.stdout.contains(&format!("to mend it: {mend};")), "{text:?}");
        assert_eq!(folder.run(&["sql", "--shard", "2", mend]).code, 0);
        let after = folder.run(&[&drift[..], &["--json"]].concat());
        assert_eq!(deviations(&after.json(after.code)["targets"]).len(), 0, "{after:?}");
        let checked = folder.run(&["check", "--migrations", "migrations"]);
        assert!(!checked.stdout.contains("migrations of shop"), "{checked:?}");
    }
}
