CREATE TABLE written_settings (
    id bigint NOT NULL PRIMARY KEY,
    level smallint NOT NULL DEFAULT 7
);
