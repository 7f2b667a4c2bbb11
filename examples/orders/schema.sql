CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer bigint NOT NULL,
    amount numeric(10, 2) NOT NULL,
    cancelled boolean NOT NULL DEFAULT false);
