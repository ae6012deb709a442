//! Files of SQLite.

use shard_orm::Dialect;

use crate::fixture::Pair;

const EVERYTHING: &str = r#"
CREATE TABLE "Order ""x" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a comment
    "name's" TEXT COLLATE NOCASE NOT NULL DEFAULT 'it''s, (', amount REAL CHECK (amount > 0), doc BLOB,
    doubled INTEGER GENERATED ALWAYS AS (amount * 2) STORED, later INT AS (amount + 1),
    parent INTEGER REFERENCES "Order ""x" (id) ON DELETE CASCADE, UNIQUE ("name's", amount));
CREATE TABLE lines (order_id INTEGER NOT NULL REFERENCES "Order ""x" (id) DEFERRABLE INITIALLY DEFERRED, line INTEGER NOT NULL, PRIMARY KEY (order_id, line DESC)) STRICT, WITHOUT ROWID;
CREATE TABLE texts (code TEXT PRIMARY KEY, value);
CREATE TABLE shard_orm_namespace (id INTEGER PRIMARY KEY);
CREATE TABLE so_job_0_log (id INTEGER);
CREATE INDEX part ON "Order ""x" (lower("name's") DESC, amount) WHERE amount > 3;
CREATE UNIQUE INDEX [strange name] ON lines (line, order_id);
CREATE VIEW z_first AS SELECT id, doubled FROM "Order ""x";
CREATE VIEW a_second (one) AS SELECT id FROM z_first;
CREATE TRIGGER "T 1" AFTER INSERT ON "Order ""x" WHEN NEW.amount > 1 BEGIN INSERT INTO texts (code, value) VALUES (NEW."name's", ';'); END;
CREATE TRIGGER instead INSTEAD OF INSERT ON z_first BEGIN SELECT 1; END;
CREATE TRIGGER so_job_0_i AFTER INSERT ON texts BEGIN SELECT 1; END;
ANALYZE
"#;

#[tokio::test]
async fn a_file_with_everything_is_created_again() {
    let mut pair = Pair::new(Dialect::Sqlite, EVERYTHING).await;
    let contents = pair.copy().await;
    assert_eq!(contents["tables"], ["Order \"x", "lines", "texts"]);
    for text in contents.values().flatten() {
        assert!(!text.contains("so_job"), "{text}");
    }
    let insert = "INSERT INTO \"Order \"\"x\" (\"name's\", amount) VALUES ('a', 2)";
    pair.target.run(insert).await.unwrap();
    let found = pair.target.rows("SELECT code FROM texts").await.unwrap();
    assert_eq!(found, [[Some("a".to_owned())]]);
    assert_eq!(contents["release"].len(), 2);
    for statement in &contents["release"] {
        pair.source.run(statement).await.unwrap();
    }
    let left = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
    let left = pair.source.rows(left).await.unwrap();
    assert_eq!(left, [[Some("so_job_0_i".to_owned())]]);
}
