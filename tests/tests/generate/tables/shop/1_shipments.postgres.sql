CREATE TABLE "Shipments" (
    id bigint PRIMARY KEY,
    user_id integer NOT NULL,
    "type" varchar(20) NOT NULL DEFAULT 'parcel',
    "trackingCode" char(4),
    "first name" text COLLATE "C" NOT NULL,
    "table" text DEFAULT 'it''s "tea"',
    weight real,
    length double precision NOT NULL DEFAULT 1.5,
    fragile boolean NOT NULL DEFAULT false,
    price numeric(12, 2) NOT NULL DEFAULT 9.90,
    ratio numeric DEFAULT 0.125,
    label uuid DEFAULT '00000000-0000-0000-0000-00000000002a',
    sent_at timestamptz NOT NULL DEFAULT '2026-01-02 03:04:05+00',
    planned timestamp DEFAULT '2026-01-02 03:04:05.5',
    due date NOT NULL DEFAULT '2026-02-03',
    at_time time DEFAULT '04:05:06',
    facts jsonb NOT NULL DEFAULT '{"a": [1, -2.5, null], "b\"": "é"}',
    raw json,
    picture bytea DEFAULT '\x00ff',
    small smallint NOT NULL DEFAULT -3 CHECK (small > -10),
    tags text[],
    created timestamptz NOT NULL DEFAULT now(),
    total numeric GENERATED ALWAYS AS (price * 2) STORED,
    UNIQUE (user_id, "type")
);
CREATE INDEX shipments_due ON "Shipments" (due);
CREATE INDEX shipments_lower ON "Shipments" (lower("type"));

CREATE TABLE shipment_lines (
    shipment_id bigint NOT NULL REFERENCES "Shipments" (id) ON DELETE CASCADE,
    "position" smallint NOT NULL,
    user_id integer NOT NULL,
    item text NOT NULL UNIQUE,
    PRIMARY KEY ("position", shipment_id)
);
CREATE TABLE options (
    name varchar(64) PRIMARY KEY,
    value text
);
CREATE TABLE log (
    user_id bigint NOT NULL,
    line text
);
