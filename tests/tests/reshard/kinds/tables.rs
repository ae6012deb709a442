//! Tables and values that do not move between kinds of databases.

use shard_orm::prelude::*;

/// Tables with what another kind of database cannot hold, each with what is said of it.
pub(super) fn refused(dialect: Dialect) -> Vec<(&'static str, &'static [&'static str])> {
    match dialect {
        Dialect::Postgres => vec![
            ("CREATE TYPE mood AS ENUM ('good', 'bad')", &["type mood"]),
            ("CREATE SEQUENCE numbers", &["sequence `numbers`"]),
            (
                "CREATE TABLE r0 (id INT PRIMARY KEY, list INT[], feeling mood, padded CHAR(4), span INTERVAL, \
                 total INT GENERATED ALWAYS AS (id + 1) STORED, made TIMESTAMPTZ DEFAULT now(), huge NUMERIC(40, 2))",
                &[
                    "column `list` of table `r0`",
                    "column `feeling` of table `r0`",
                    "column `padded` of table `r0`",
                    "column `span` of table `r0`",
                    "column `total` of table `r0`",
                    "column `made` of table `r0`",
                    "column `huge` of table `r0`",
                ],
            ),
            (
                "CREATE TABLE r1 (id INT PRIMARY KEY, a INT, \"A\" INT, name TEXT, CONSTRAINT positive CHECK (a > 7), \
                 data JSONB); CREATE INDEX partial ON r1 (a) WHERE a > 1; CREATE INDEX lowered ON r1 (lower(name)); \
                 CREATE INDEX inner_json ON r1 USING gin (data)",
                &[
                    "column `a` of table `r1`",
                    "check `positive` of table `r1`",
                    "index `partial` of table `r1`",
                    "index `lowered` of table `r1`",
                    "index `inner_json` of table `r1`",
                ],
            ),
            (
                "CREATE TABLE r2 (id REAL PRIMARY KEY, name VARCHAR(2000), UNIQUE (name)); \
                 CREATE VIEW seen AS SELECT id FROM r2",
                &[
                    "column `id` of table `r2`",
                    "index `r2_name_key` of table `r2`",
                    "view `seen`",
                ],
            ),
            (
                "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
                 CREATE TRIGGER shout BEFORE INSERT ON r2 FOR EACH ROW EXECUTE FUNCTION shout()",
                &["trigger `shout`"],
            ),
            (
                "CREATE TABLE r3 (id BIGINT PRIMARY KEY, small INT REFERENCES r3 (id) DEFERRABLE)",
                &[
                    "foreign key `r3_small_fkey` of table `r3`",
                    "a foreign key is deferrable",
                ],
            ),
        ],
        Dialect::MySql => vec![
            (
                "CREATE TABLE r0 (id INT PRIMARY KEY, feeling ENUM('good', 'bad'), padded CHAR(4), filled BINARY(4), \
                 born YEAR, bits BIT(3), short FLOAT(7, 4), cost DECIMAL(60, 2), at DATETIME, \
                 changed TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6), \
                 total INT AS (id + 1) STORED)",
                &[
                    "column `feeling` of table `r0`",
                    "column `padded` of table `r0`",
                    "column `filled` of table `r0`",
                    "column `born` of table `r0`",
                    "column `bits` of table `r0`",
                    "column `short` of table `r0`",
                    "column `cost` of table `r0`",
                    "column `at` of table `r0`",
                    "column `changed` of table `r0`",
                    "column `total` of table `r0`",
                    "table `r0` sets a time",
                ],
            ),
            (
                "CREATE TABLE r1 (id INT PRIMARY KEY, name VARCHAR(40) COLLATE utf8mb4_general_ci UNIQUE, a INT, \
                 b VARCHAR(90), CONSTRAINT positive CHECK (a > 7), INDEX part (b(5)), FULLTEXT INDEX words (b))",
                &[
                    "column `name` of table `r1`",
                    "check `positive` of table `r1`",
                    "index `part` of table `r1`",
                    "index `words` of table `r1`",
                ],
            ),
            (
                "CREATE TABLE r2 (id INT, number INT AUTO_INCREMENT, PRIMARY KEY (id, number), INDEX (number))",
                &["column `number` of table `r2`"],
            ),
            ("CREATE VIEW seen AS SELECT id FROM r2", &["view `seen`"]),
            (
                "CREATE TRIGGER shout BEFORE INSERT ON r2 FOR EACH ROW SET NEW.id = 1",
                &["trigger `shout`"],
            ),
            ("CREATE SEQUENCE numbers", &["sequence `numbers`"]),
        ],
        _ => vec![
            (
                "CREATE TABLE r0 (id INTEGER PRIMARY KEY, any NUMERIC, total INT AS (id + 1), made TEXT DEFAULT (datetime()))",
                &[
                    "column `any` of table `r0`",
                    "column `total` of table `r0`",
                    "column `made` of table `r0`",
                ],
            ),
            (
                "CREATE TABLE r1 (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, a INT, at DATETIME UNIQUE, \
                 CONSTRAINT positive CHECK (a > 7))",
                &[
                    "column `at` of table `r1`",
                    "column `name` of table `r1`",
                    "check `positive` of table `r1`",
                ],
            ),
            (
                "CREATE INDEX partial ON r1 (a) WHERE a > 1",
                &["index `partial` of table `r1`"],
            ),
            (
                "CREATE INDEX lowered ON r1 (lower(name))",
                &["index `lowered` of table `r1`"],
            ),
            ("CREATE VIEW seen AS SELECT id FROM r1", &["view `seen`"]),
            (
                "CREATE TRIGGER shout AFTER INSERT ON r1 BEGIN UPDATE r1 SET a = 8; END",
                &["trigger `shout`"],
            ),
        ],
    }
}

/// Tables of one value each that the other kind of database does not hold, although their types do.
pub(super) fn unheld(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    match dialect {
        // MariaDB is beside.
        Dialect::Postgres => vec![
            ("TEXT UNIQUE", "repeat('x', 256)"),
            ("TEXT UNIQUE", "'x' || repeat(' ', 300)"),
            ("TIMESTAMPTZ", "'infinity'"),
            ("DATE", "'20000-01-01'"),
            ("DATE", "'0044-03-15 BC'"),
            ("TIME", "'24:00:00'"),
            ("FLOAT8", "'NaN'"),
            ("FLOAT4", "'-Infinity'"),
            ("NUMERIC", "'NaN'"),
            ("NUMERIC", "1e40"),
            ("JSONB", "'123456789012345678901234567890'"),
            ("JSONB", "'[0.12345678901234567890]'"),
        ],
        // SQLite is beside.
        Dialect::MySql => vec![
            ("BIGINT UNSIGNED", "18446744073709551615"),
            ("TINYINT(1)", "5"),
            ("DATE", "'0000-00-00'"),
            ("TIME(6)", "'838:59:59'"),
            ("DATETIME(6)", "'2026-00-00 00:00:00'"),
        ],
        // PostgreSQL is beside.
        _ => vec![
            ("TEXT", "'a' || char(0) || 'b'"),
            ("TEXT", "x'ff'"),
            ("INTEGER", "'seven'"),
            ("INTEGER", "1.5"),
            ("REAL", "'text'"),
            ("BOOLEAN", "2"),
            ("DATETIME", "'soon'"),
            ("DATETIME", "'2026-01-01 00:00:00.1234567'"),
        ],
    }
}
