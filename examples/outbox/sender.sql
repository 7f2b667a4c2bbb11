-- In the sending service's database: the event is written in the transaction of the change it tells of.
CREATE TABLE outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL);

BEGIN;
-- … the change itself …
INSERT INTO outbox (aggregatetype, aggregateid, type, payload)
    VALUES ('order', '17', 'OrderPlaced', '{"order_id": 17, "sku": "tea", "quantity": 2}');
COMMIT;
