CREATE TABLE airlines (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
CREATE TABLE currencies (code TEXT PRIMARY KEY NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY NOT NULL);
-- As the syncs of an application record them.
INSERT INTO shard_orm_sync (table_name, generation, mode, rows_changed, hooks, source) VALUES
    ('airlines', 1, 'full', 0, 0, 'default'),
    ('currencies', 1, 'full', 0, NULL, NULL),
    ('products', 1, 'full', 0, 1, 'default');
