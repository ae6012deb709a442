//! Databases of MariaDB.

use shard_orm::Dialect;

use crate::fixture::Pair;

const EVERYTHING: &str = r#"
ALTER DATABASE `{source}` CHARACTER SET latin1 COLLATE latin1_bin

CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 3 CACHE 10

CREATE TABLE `Order ``x` (
    `id` bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, `small` smallint unsigned, `n` int DEFAULT (NEXTVAL(numbers)),
    `name` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'it''s, (' COMMENT 'a, b) "x" it''s; KEY (`x`)',
    `at` datetime(6) DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6), `stamp` timestamp NULL, `day` date, `clock` time(6),
    `doubled` int GENERATED ALWAYS AS (`n` * 2) STORED, `later` int AS (`n` + 1) VIRTUAL, `hidden` int INVISIBLE DEFAULT 3,
    `doc` json, `feeling` enum('sad', 'it''s') DEFAULT 'sad', `some` set('a', 'b'), `amount` decimal(10, 2), `float` float, `double` double,
    `bytes` varbinary(20), `large` longblob, `text` mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, `uuid` uuid, `bits` bit(9), `place` point NOT NULL, `flag` bool, `year` year,
    `airline` varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, `parent` bigint,
    UNIQUE KEY `un(que` (`small`, `name`), KEY `prefix` (`text`(5) DESC) COMMENT 'x), (', KEY `gen` (`doubled`), FULLTEXT KEY `words` (`text`), SPATIAL KEY `where` (`place`),
    CONSTRAINT `air``line` FOREIGN KEY (`airline`) REFERENCES `{statics}`.`airline` (`code`) ON UPDATE CASCADE,
    CONSTRAINT `self` FOREIGN KEY (`parent`) REFERENCES `Order ``x` (`id`) ON DELETE CASCADE,
    CONSTRAINT `positive` CHECK (`n` > 0), CHECK (`amount` <> 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin ROW_FORMAT=DYNAMIC COMMENT='it''s; AUTO_INCREMENT=9' AUTO_INCREMENT=77

CREATE TABLE `lines` (`order_id` bigint NOT NULL, `line` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`order_id`, `line`), KEY `k(` (`line`, `order_id`), KEY (`order_id`),
    FOREIGN KEY (`order_id`) REFERENCES `Order ``x` (`id`) ON DELETE CASCADE)

CREATE TABLE shard_orm_namespace (id int PRIMARY KEY)

CREATE TABLE so_job_0_log (id int)

CREATE FUNCTION plus_one(`a` int) RETURNS int DETERMINISTIC COMMENT 'it''s' RETURN a + 1

SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'

CREATE PROCEDURE "tidy up"(IN "x" int, OUT y varchar(20)) SQL SECURITY INVOKER BEGIN SET y = 'b;' || "x"; END

SET SESSION sql_mode = DEFAULT

CREATE VIEW z_first AS SELECT `id`, `n`, `{source}`.plus_one(`n`) AS `next` FROM `{source}`.`Order ``x`

CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW a_second AS SELECT z_first.*, a.code FROM z_first LEFT JOIN `{statics}`.airline a ON a.code <> '{source}.x'

CREATE VIEW `checked` AS SELECT * FROM `lines` WHERE `line` > 0 WITH LOCAL CHECK OPTION

CREATE TRIGGER `second` BEFORE INSERT ON `Order ``x` FOR EACH ROW SET NEW.`name` = CONCAT(NEW.`name`, '2;')

CREATE TRIGGER `{source}`.`fir``st` BEFORE INSERT ON `{source}`.`Order ``x` FOR EACH ROW PRECEDES `second` BEGIN SET NEW.`name` = CONCAT(NEW.`name`, '1'); SET NEW.`n` = `{source}`.plus_one(1); END

CREATE TRIGGER so_job_0_i AFTER INSERT ON `lines` FOR EACH ROW SET @x = 1

CREATE USER IF NOT EXISTS 'contents app'@'%'

GRANT SELECT, INSERT ON `{source}`.* TO 'contents app'@'%'

GRANT DELETE ON `{source}`.`lines` TO 'contents app'@'%'

GRANT UPDATE (`line`) ON `{source}`.`lines` TO 'contents app'@'%'
"#;

#[tokio::test]
async fn a_database_with_everything_is_created_again() {
    let mut pair = Pair::new(Dialect::MySql, EVERYTHING).await;
    let contents = pair.copy().await;
    assert_eq!(contents["tables"], ["Order `x", "lines"]);
    assert_eq!(contents["sequences"], ["numbers false"]);
    assert_eq!(contents["accounts"], ["'contents app'@'%'"]);
    let qualifier = format!("{}.", pair.source.name());
    for text in contents.values().flatten() {
        let plain = text
            .replace('`', "")
            .replace(&format!("'{qualifier}x'"), "");
        assert!(!plain.contains(&qualifier), "{text}");
        assert!(!text.contains("so_job"), "{text}");
    }
    assert!(contents["views"][0].starts_with("checked: "));
    assert!(contents["views"][1].starts_with("z_first: "));
    // Triggers fire in their order, and see the target.
    pair.target
        .run("INSERT INTO `Order ``x` (`name`, `place`) VALUES ('a', POINT(1, 1))")
        .await
        .unwrap();
    let found = pair
        .target
        .rows("SELECT `name`, `n` FROM `Order ``x`")
        .await;
    let expected = [[Some("a12;".to_owned()), Some("2".to_owned())]];
    assert_eq!(found.unwrap(), expected);
}

#[tokio::test]
async fn a_released_table_has_neither_foreign_keys_nor_triggers() {
    let setup = "CREATE TABLE a (id int PRIMARY KEY, other int, CONSTRAINT `k` FOREIGN KEY (other) REFERENCES a (id))\n\n\
                 CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW SET @x = 1";
    let mut pair = Pair::new(Dialect::MySql, setup).await;
    let contents = pair.read().await;
    pair.source.run("RENAME TABLE a TO held_a").await.unwrap();
    for statement in contents["release"].iter().chain(&contents["release"]) {
        pair.source.run(statement).await.unwrap();
    }
    let left = "SELECT (SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()), \
                (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE())";
    let left = pair.source.rows(left).await.unwrap();
    assert_eq!(left, [[Some("0".to_owned()), Some("0".to_owned())]]);
    assert_eq!(contents["release"].len(), 2);
}
