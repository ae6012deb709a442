CREATE TABLE airlines (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
CREATE TABLE currencies (code TEXT PRIMARY KEY NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY NOT NULL);
-- As the setup of an application creates them, and its syncs fill them.
CREATE TABLE shard_orm_sync (
    table_name TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL, mode TEXT NOT NULL, position TEXT,
    rows_changed INTEGER NOT NULL, level_at INTEGER, problem TEXT, hooks INTEGER, source TEXT, criterion TEXT
);
CREATE TABLE shard_orm_sync_blocked (
    table_name TEXT NOT NULL, row_key TEXT NOT NULL, since INTEGER NOT NULL, blocker TEXT NOT NULL,
    PRIMARY KEY (table_name, row_key)
);
INSERT INTO shard_orm_sync VALUES
    ('airlines', 1, 'full', NULL, 0, NULL, NULL, 0, 'default', NULL),
    ('currencies', 1, 'full', NULL, 0, NULL, NULL, NULL, NULL, NULL),
    ('products', 1, 'full', NULL, 0, NULL, NULL, 1, 'default', NULL);
