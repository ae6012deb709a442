CREATE TABLE airlines (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
CREATE TABLE currencies (code TEXT PRIMARY KEY NOT NULL);
INSERT INTO airlines VALUES ('KL', 'KLM'), ('LH', 'Lufthansa');
INSERT INTO currencies VALUES ('EUR');
