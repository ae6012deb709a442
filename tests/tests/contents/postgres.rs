//! Schemas of PostgreSQL.

use shard_orm::Dialect;

use crate::fixture::Pair;

const EVERYTHING: &str = r#"
CREATE TABLE statics.airline (code text PRIMARY KEY, name text);

CREATE TYPE mood AS ENUM ('sad', 'it''s');
CREATE DOMAIN "Positive" AS int DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text COLLATE "C");
CREATE SEQUENCE free INCREMENT BY 3 MINVALUE -5 MAXVALUE 99 START 7 CACHE 2 CYCLE;

CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i * 2';
SET check_function_bodies = off;
CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM "Order ""x"""' ;
CREATE PROCEDURE tidy(a int, INOUT b int) LANGUAGE plpgsql AS $$BEGIN b := a; END$$;

CREATE TABLE "Order ""x""" (
    id bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2),
    small smallint, number serial, "Name's" varchar(20) COLLATE "C" DEFAULT 'it''s' NOT NULL,
    feeling mood DEFAULT 'sad', positive "Positive", pair pair, gone int, doubled int GENERATED ALWAYS AS (twice(positive)) STORED,
    amount numeric(10, 2) CHECK (amount > 0), list int[], doc jsonb DEFAULT '{}', bytes bytea, day date, at timestamptz(3) DEFAULT now(),
    real real, double double precision, flag boolean, key uuid, clock time, bits bit varying(9), span interval, address inet,
    parent bigint, airline text REFERENCES statics.airline ON UPDATE CASCADE,
    CONSTRAINT "P K" PRIMARY KEY (id), UNIQUE (number) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT both_positive CHECK (small > 0 OR number > 0) NO INHERIT,
    EXCLUDE USING gist (int4range(positive, positive + 1) WITH &&)
) WITH (fillfactor = 70, toast.autovacuum_enabled = false);

ALTER TABLE "Order ""x""" DROP COLUMN gone, ADD FOREIGN KEY (parent) REFERENCES "Order ""x""" ON DELETE CASCADE DEFERRABLE;
ALTER TABLE "Order ""x""" ALTER doc SET STORAGE EXTERNAL, ALTER doc SET STATISTICS 50, ALTER feeling SET (n_distinct = 2), ALTER doc SET COMPRESSION pglz;
CREATE INDEX part ON "Order ""x""" (lower("Name's") DESC, amount) INCLUDE (doc) WHERE amount > 3;
CREATE UNIQUE INDEX strange ON "Order ""x""" (amount DESC NULLS LAST, twice(positive), "Name's" COLLATE "POSIX" text_pattern_ops);
CREATE INDEX documents ON "Order ""x""" USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE STATISTICS facts (ndistinct) ON feeling, amount FROM "Order ""x""";
ALTER TABLE "Order ""x""" CLUSTER ON strange;

CREATE TABLE lines (order_id bigint NOT NULL, line int NOT NULL, next_line int, owner int DEFAULT nextval('free'), PRIMARY KEY (order_id, line) INCLUDE (owner));
ALTER TABLE lines ADD CONSTRAINT "of order" FOREIGN KEY (order_id) REFERENCES "Order ""x""" ON DELETE CASCADE;
ALTER TABLE lines ADD CONSTRAINT following FOREIGN KEY (order_id, next_line) REFERENCES lines (order_id, line) MATCH FULL ON DELETE SET NULL;
CREATE UNIQUE INDEX identity_of_lines ON lines (line, order_id);
ALTER TABLE lines REPLICA IDENTITY USING INDEX identity_of_lines;

CREATE TABLE shard_orm_namespace (id int PRIMARY KEY);
CREATE TABLE so_job_0_log (id int);

CREATE VIEW z_first AS SELECT id, feeling, doubled FROM "Order ""x""";
CREATE VIEW a_second WITH (security_barrier) AS SELECT z_first.*, a.name FROM z_first LEFT JOIN statics.airline a ON true;
CREATE VIEW checked AS SELECT order_id, line FROM lines WHERE line > 0 WITH LOCAL CHECK OPTION;
ALTER VIEW checked ALTER COLUMN line SET DEFAULT 4;
CREATE FUNCTION rows_of(z_first) RETURNS SETOF a_second LANGUAGE sql AS 'SELECT * FROM a_second';
CREATE VIEW last AS SELECT rows_of(z_first) FROM z_first;

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER "T 1" BEFORE INSERT OR UPDATE OF amount ON "Order ""x""" FOR EACH ROW WHEN (NEW.amount > 1) EXECUTE FUNCTION touch('a', 'b''c');
CREATE TRIGGER statement AFTER INSERT ON "Order ""x""" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION touch();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER instead INSTEAD OF INSERT ON z_first FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER so_job_0_i AFTER INSERT ON lines FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE "Order ""x""" ENABLE ALWAYS TRIGGER statement, DISABLE TRIGGER "T 1";

COMMENT ON TABLE "Order ""x""" IS 'it''s \ one';
COMMENT ON COLUMN "Order ""x""".amount IS 'column';
COMMENT ON INDEX part IS 'index';
COMMENT ON CONSTRAINT "P K" ON "Order ""x""" IS 'key';
COMMENT ON CONSTRAINT "of order" ON lines IS 'foreign';
COMMENT ON VIEW last IS 'view';
COMMENT ON FUNCTION twice(int) IS 'function';
COMMENT ON TYPE mood IS 'type';
COMMENT ON DOMAIN "Positive" IS 'domain';
COMMENT ON SEQUENCE free IS 'sequence';
COMMENT ON TRIGGER late ON lines IS 'trigger';

DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contents app') THEN CREATE ROLE "contents app"; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END$$;
GRANT USAGE ON SCHEMA "{source}" TO "contents app";
GRANT SELECT, INSERT ON "Order ""x""" TO "contents app" WITH GRANT OPTION;
GRANT UPDATE (amount) ON "Order ""x""" TO "contents app";
GRANT SELECT ON lines TO PUBLIC;
GRANT USAGE ON SEQUENCE free TO "contents app";
REVOKE ALL ON FUNCTION twice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twice TO "contents app";
REVOKE ALL ON TYPE mood FROM PUBLIC;
ALTER TABLE lines OWNER TO "contents app";
ALTER DEFAULT PRIVILEGES IN SCHEMA "{source}" GRANT SELECT, UPDATE ON TABLES TO "contents app"
"#;

#[tokio::test]
async fn a_schema_with_everything_is_created_again() {
    let mut pair = Pair::new(Dialect::Postgres, EVERYTHING).await;
    let contents = pair.copy().await;
    assert_eq!(contents["tables"], ["Order \"x\"", "lines"]);
    assert_eq!(contents["accounts"], ["contents app"]);
    assert_eq!(
        contents["sequences"],
        [
            "Order \"x\"_id_seq true",
            "Order \"x\"_number_seq true",
            "free false"
        ]
        .map(str::to_owned)
    );
    for text in contents.values().flatten() {
        assert!(!text.contains("a source"), "{text}");
        assert!(!text.contains("so_job"), "{text}");
    }
    // The functions work, and see the target.
    let value = "INSERT INTO \"Order \"\"x\"\"\" (amount, positive) VALUES (3, 4)";
    pair.target.run(value).await.unwrap();
    let doubled = pair.target.rows("SELECT twice(2)::text").await.unwrap();
    assert_eq!(doubled, [[Some("4".to_owned())]]);
}

#[tokio::test]
async fn a_released_table_has_neither_foreign_keys_nor_triggers() {
    let setup = "CREATE TABLE a (id int PRIMARY KEY, other int REFERENCES a);\
                 CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';\
                 CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()";
    let mut pair = Pair::new(Dialect::Postgres, setup).await;
    let contents = pair.read().await;
    pair.source
        .run("ALTER TABLE a RENAME TO held_a")
        .await
        .unwrap();
    for statement in contents["release"].iter().chain(&contents["release"]) {
        pair.source.run(statement).await.unwrap();
    }
    let left = "SELECT (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = '\"a source\"'::regnamespace), \
                (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'held_a'::regclass)";
    let left = pair.source.rows(left).await.unwrap();
    assert_eq!(left, [[Some("0".to_owned()), Some("0".to_owned())]]);
    assert_eq!(contents["release"].len(), 2);
}
