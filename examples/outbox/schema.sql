CREATE TABLE reservations (
    order_id bigint PRIMARY KEY,
    sku text NOT NULL,
    quantity int NOT NULL,
    said text);
