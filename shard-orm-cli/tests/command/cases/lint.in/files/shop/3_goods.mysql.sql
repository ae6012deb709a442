ALTER TABLE orders MODIFY COLUMN goods varchar(20);
