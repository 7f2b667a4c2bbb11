CREATE TABLE sales_by_customer (
    customer bigint PRIMARY KEY,
    orders bigint NOT NULL,
    amount numeric(12, 2) NOT NULL);
