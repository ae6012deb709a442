CREATE TABLE shared_airlines (
    code varchar(3) NOT NULL PRIMARY KEY,
    country int NOT NULL
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
