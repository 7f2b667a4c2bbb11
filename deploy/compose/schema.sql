CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL);
CREATE TABLE orders (
    id text NOT NULL,
    customer bigint NOT NULL REFERENCES customers,
    amount numeric(10, 2) NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cem'), (4, 'Dan'), (5, 'Eva'), (6, 'Fay'), (7, 'Gus');
