-- The tables of each logical shard.

CREATE TABLE IF NOT EXISTS `flights` (
    `aircraft` INTEGER NOT NULL,
    `id` INTEGER NOT NULL,
    `carrier` TEXT NOT NULL CHECK (LENGTH(`carrier`) <= 2),
    `number` INTEGER NOT NULL CHECK (`number` BETWEEN -2147483648 AND 2147483647),
    `origin` TEXT NOT NULL CHECK (LENGTH(`origin`) <= 3),
    `destination` TEXT NOT NULL CHECK (LENGTH(`destination`) <= 3),
    `scheduled_at` TEXT NOT NULL,
    `departure_delay` INTEGER CHECK (`departure_delay` BETWEEN -2147483648 AND 2147483647),
    `distance` INTEGER NOT NULL CHECK (`distance` BETWEEN -2147483648 AND 2147483647),
    PRIMARY KEY (`aircraft`, `id`)
) STRICT;

CREATE INDEX IF NOT EXISTS `flights_aircraft_scheduled_at_index` ON `flights` (`aircraft`, `scheduled_at`);

CREATE TABLE IF NOT EXISTS `planes` (
    `aircraft` INTEGER NOT NULL,
    `manufacturer` TEXT NOT NULL,
    `model` TEXT NOT NULL,
    `year` INTEGER CHECK (`year` BETWEEN -2147483648 AND 2147483647),
    `seats` INTEGER NOT NULL CHECK (`seats` BETWEEN -2147483648 AND 2147483647),
    PRIMARY KEY (`aircraft`)
) STRICT;
