CREATE INDEX orders_item ON orders (item);
-- lint: allow(set-not-null) the table has a hundred rows
ALTER TABLE orders ALTER COLUMN item SET NOT NULL;
UPDATE orders SET item = 'tea';
ALTER TABLE orders
    RENAME COLUMN item TO goods;
