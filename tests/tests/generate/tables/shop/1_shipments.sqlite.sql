CREATE TABLE "Shipments" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    "type" VARCHAR(20) NOT NULL DEFAULT 'parcel',
    "trackingCode" TEXT CHECK (length("trackingCode") <= 4),
    "first name" TEXT COLLATE NOCASE NOT NULL,
    "table" TEXT DEFAULT 'it''s "tea"',
    weight FLOAT,
    length REAL NOT NULL DEFAULT 1.5,
    fragile BOOLEAN NOT NULL DEFAULT 0,
    price DECIMAL(12, 2),
    label BLOB DEFAULT x'00ff',
    planned DATETIME,
    due DATE,
    at_time TIME,
    small INTEGER NOT NULL DEFAULT -3 CHECK (small BETWEEN -32768 AND 32767),
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    total INTEGER GENERATED ALWAYS AS (user_id * 2) VIRTUAL,
    UNIQUE (user_id, "type")
);
CREATE INDEX shipments_due ON "Shipments" (due);
CREATE INDEX shipments_lower ON "Shipments" (lower("type"));

CREATE TABLE shipment_lines (
    shipment_id INTEGER NOT NULL REFERENCES "Shipments" (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    item TEXT NOT NULL UNIQUE,
    PRIMARY KEY (position, shipment_id)
);
CREATE TABLE options (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT
);
CREATE TABLE log (
    user_id INTEGER NOT NULL,
    line TEXT
);
