//! What stands against a move.

use shard_orm::Dialect;

use crate::fixture::Pair;

/// Reads a namespace, and checks that the objections contain these words, and that no other object is objected to.
async fn objects(dialect: Dialect, setup: &str, expected: &[(&str, &str)]) {
    let mut pair = Pair::new(dialect, setup).await;
    let found = &pair.read().await["objections"];
    for (object, words) in expected {
        let is_found = found
            .iter()
            .any(|one| one.starts_with(object) && one.contains(words));
        assert!(is_found, "{object} {words}\n{found:#?}");
    }
    for one in found {
        let is_expected = expected.iter().any(|(object, _)| one.starts_with(object));
        assert!(is_expected, "{one}");
    }
}

#[tokio::test]
async fn a_schema_is_objected_to() {
    let setup = r#"
CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY); CREATE TYPE other.kind AS ENUM ('a');
CREATE TABLE statics.t (id int PRIMARY KEY);
CREATE TABLE keyless (id int);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (base);
CREATE UNLOGGED TABLE fast (id int PRIMARY KEY);
CREATE TABLE secured (id int PRIMARY KEY); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE TABLE ruled (id int PRIMARY KEY); CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE TABLE doubtful (id int PRIMARY KEY, n int); ALTER TABLE doubtful ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
CREATE TABLE published (id int PRIMARY KEY); CREATE PUBLICATION news FOR TABLE published;
CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE TYPE span AS RANGE (SUBTYPE = int);
CREATE COLLATION german (LOCALE = 'C');
CREATE TABLE leader (id int PRIMARY KEY REFERENCES other.t, k other.kind, fine int REFERENCES statics.t);
CREATE VIEW foreigners AS SELECT id FROM other.t;
CREATE TABLE used (id int PRIMARY KEY); CREATE TABLE other.user_of (id int REFERENCES used); CREATE VIEW other.seen AS SELECT * FROM used;
CREATE FUNCTION own() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM "a source".used';
"#;
    let expected = [
        ("table `keyless`", "primary key"),
        ("partitioned table `parted`", "partitioned"),
        ("partition `part`", "partitioned"),
        ("table `base`", "inheritance"),
        ("table `child`", "inheritance"),
        ("table `fast`", "unlogged"),
        ("table `secured`", "row security"),
        ("rule `nothing`", "rewrites"),
        ("constraint `positive`", "not been validated"),
        ("table `published`", "`news`"),
        ("materialized view `kept`", "kind"),
        ("aggregate `total`", "kind"),
        ("range type `span`", "kind"),
        ("collation `german`", "kind"),
        ("table `leader`", "`other.t`"),
        ("table `leader`", "`other.kind`"),
        ("view `foreigners`", "`other.t`"),
        ("table `other.user_of`", "`used`"),
        ("view `other.seen`", "`used`"),
        ("function `own`", "its own schema"),
    ];
    objects(Dialect::Postgres, setup, &expected).await;
}

#[tokio::test]
async fn an_index_of_an_interrupted_build_is_objected_to() {
    let setup = "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 1)";
    let mut pair = Pair::new(Dialect::Postgres, setup).await;
    let build = "CREATE UNIQUE INDEX CONCURRENTLY half ON t (n)";
    pair.source.run(build).await.unwrap_err();
    let found = &pair.read().await["objections"];
    assert!(
        found[0].starts_with("index `half` of table `t` is not valid"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_database_is_objected_to() {
    let setup = r#"
CREATE TABLE keyless (id int)

CREATE TABLE engine (id int PRIMARY KEY) ENGINE=Aria

CREATE TABLE versioned (id int PRIMARY KEY) WITH SYSTEM VERSIONING

CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2

CREATE TABLE used (id int PRIMARY KEY)

CREATE TABLE lost (id int PRIMARY KEY)

CREATE VIEW broken AS SELECT id FROM lost

DROP TABLE lost

CREATE EVENT later ON SCHEDULE EVERY 1 DAY DO SELECT 1

CREATE DATABASE `{source}2`

CREATE TABLE `{source}2`.t (id int PRIMARY KEY, other int, FOREIGN KEY (other) REFERENCES `{source}`.used (id))

CREATE VIEW `{source}2`.seen AS SELECT id FROM `{source}`.used

CREATE TABLE leader (id int PRIMARY KEY, code varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin REFERENCES `{statics}`.airline (code), FOREIGN KEY (id) REFERENCES `{source}2`.t (id))

CREATE VIEW foreigners AS SELECT id FROM `{source}2`.t

CREATE USER IF NOT EXISTS 'contents definer'@'%'

CREATE DEFINER = 'contents definer'@'%' FUNCTION defined() RETURNS int RETURN 1

CREATE DEFINER = 'contents definer'@'%' TRIGGER defining AFTER INSERT ON used FOR EACH ROW SET @x = 1
"#;
    let mut pair = Pair::new(Dialect::MySql, setup).await;
    let other = format!("{}2", pair.source.name());
    let found = pair.read().await["objections"].clone();
    let (outside, view) = (format!("table `{other}.t`"), format!("view `{other}.seen`"));
    let target = format!("`{other}.t`");
    let expected = [
        ("table `keyless`", "primary key"),
        ("table `engine`", "Aria"),
        ("table `versioned`", "system-versioned"),
        ("table `parted`", "partitioned"),
        ("view `broken`", "broken"),
        ("event `later`", "kind"),
        (&*outside, "outside"),
        (&*view, "outside"),
        ("table `leader`", &*target),
        ("view `foreigners`", &*other),
        ("function `defined`", "contents definer@%"),
        ("trigger `defining`", "contents definer@%"),
    ];
    for (object, words) in expected {
        let is_found = found
            .iter()
            .any(|one| one.starts_with(object) && one.contains(words));
        assert!(is_found, "{object} {words}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[tokio::test]
async fn a_file_is_objected_to() {
    let setup = "CREATE TABLE keyless (a); CREATE TABLE nulls (a TEXT PRIMARY KEY, b); INSERT INTO nulls VALUES (NULL, 1);\
                 CREATE TABLE fine (a TEXT PRIMARY KEY); CREATE VIRTUAL TABLE words USING fts5(body)";
    let expected = [
        ("table `keyless`", "primary key"),
        ("table `nulls`", "NULL in column `a`"),
        ("virtual table `words`", "copied"),
    ];
    objects(Dialect::Sqlite, setup, &expected).await;
}
