CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL, item text NOT NULL);
