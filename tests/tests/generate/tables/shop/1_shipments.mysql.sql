CREATE TABLE `Shipments` (
    id bigint unsigned PRIMARY KEY,
    user_id int NOT NULL,
    `type` varchar(20) NOT NULL DEFAULT 'parcel',
    `trackingCode` char(4),
    `first name` varchar(100) COLLATE utf8mb4_general_ci NOT NULL,
    `table` longtext DEFAULT 'it''s "tea"',
    note text,
    weight float,
    length double NOT NULL DEFAULT 1.5,
    fragile tinyint(1) NOT NULL DEFAULT 0,
    tiny tinyint NOT NULL DEFAULT -3 CHECK (tiny > -10),
    medium mediumint unsigned,
    price decimal(12, 2) NOT NULL DEFAULT 9.90,
    ratio decimal(57, 28) DEFAULT 0.125,
    huge decimal(40, 2),
    label binary(16),
    picture longblob DEFAULT x'00ff',
    sent_at timestamp(6) NOT NULL DEFAULT '2026-01-02 03:04:05',
    planned datetime(6) DEFAULT '2026-01-02 03:04:05.5',
    due date NOT NULL DEFAULT '2026-02-03',
    at_time time(6) DEFAULT '04:05:06',
    facts json NOT NULL,
    state enum('new', 'gone') NOT NULL DEFAULT 'new',
    place point,
    created datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
    total decimal(13, 2) GENERATED ALWAYS AS (price * 2) STORED,
    UNIQUE KEY by_type (user_id, `type`),
    KEY by_due (due),
    KEY by_note (note(10))
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE shipment_lines (
    shipment_id bigint unsigned NOT NULL,
    `position` smallint NOT NULL,
    user_id int NOT NULL,
    item varchar(80) NOT NULL UNIQUE,
    PRIMARY KEY (`position`, shipment_id),
    CONSTRAINT of_shipment FOREIGN KEY (shipment_id) REFERENCES `Shipments` (id) ON DELETE CASCADE
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
CREATE TABLE options (
    name varchar(64) PRIMARY KEY,
    value longtext
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
CREATE TABLE log (
    user_id bigint NOT NULL,
    line longtext
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
