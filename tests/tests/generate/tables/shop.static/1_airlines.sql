CREATE TABLE shared_airlines (
    code varchar(3) NOT NULL PRIMARY KEY,
    country int NOT NULL
);
