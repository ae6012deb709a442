-- The copies of the reference tables on each server.

CREATE TABLE IF NOT EXISTS `airlines` (
    `carrier` TEXT NOT NULL CHECK (LENGTH(`carrier`) <= 2),
    `name` TEXT NOT NULL,
    PRIMARY KEY (`carrier`)
) STRICT;

CREATE TABLE IF NOT EXISTS `airports` (
    `code` TEXT NOT NULL CHECK (LENGTH(`code`) <= 3),
    `name` TEXT NOT NULL,
    `altitude` INTEGER NOT NULL CHECK (`altitude` BETWEEN -2147483648 AND 2147483647),
    PRIMARY KEY (`code`)
) STRICT;
