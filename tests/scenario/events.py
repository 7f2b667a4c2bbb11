"""
events - what the scenarios produce, and the SQL that applies it

An event is the default envelope. `fault` in its payload is carried out by a function of the test
database while the effect is inserted, so that a record itself says how it misbehaves:

    "22P02"          raise that SQLSTATE
    "flaky:N:23503"  raise it N times, then succeed (counted outside the transaction, per event)
    "chance:P:23503" raise it with that probability, each time anew
    "gate:NAME"      raise what the row NAME of table gates says, succeed when there is none
    "sleep:0.2"      take that long
    "commit:X"       a deferred constraint fails at COMMIT

The effects table has no unique key: a repeated effect shows as a second row.
"""

import json
import random

SCHEMA = """
CREATE TABLE effects (
    seq bigserial, event_id text, topic text, partition int, "offset" bigint, key text, n bigint,
    note text, fault text, at timestamptz DEFAULT clock_timestamp(), txid bigint DEFAULT txid_current());
CREATE TABLE gates (name text, code text);
CREATE SEQUENCE calls;
CREATE TABLE parents (id text PRIMARY KEY);
CREATE TABLE children (parent text REFERENCES parents DEFERRABLE INITIALLY DEFERRED);

CREATE FUNCTION fault(kind text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    word text[] := string_to_array(kind, ':');
    counter text := 'flaky_' || md5(coalesce(id, ''));
    code text;
BEGIN
    PERFORM nextval('calls');
    IF kind IS NULL THEN
        RETURN NULL;
    ELSIF word[1] = 'sleep' THEN
        PERFORM pg_sleep(word[2]::float);
    ELSIF word[1] = 'flaky' THEN
        IF nextval(counter) <= word[2]::int THEN
            RAISE EXCEPTION 'flaky by request' USING ERRCODE = word[3];
        END IF;
    ELSIF word[1] = 'chance' THEN
        IF random() < word[2]::float THEN
            RAISE EXCEPTION 'by chance' USING ERRCODE = word[3];
        END IF;
    ELSIF word[1] = 'gate' THEN
        SELECT g.code INTO code FROM gates g WHERE g.name = word[2];
        IF code IS NOT NULL THEN
            RAISE EXCEPTION 'gate is closed' USING ERRCODE = code;
        END IF;
    ELSIF word[1] = 'commit' THEN
        INSERT INTO children VALUES (word[2]);
    ELSE
        RAISE EXCEPTION 'failed by request' USING ERRCODE = kind;
    END IF;
    RETURN kind;
END $$;
"""

STATEMENT = """INSERT INTO effects (event_id, topic, partition, "offset", key, n, note, fault)
VALUES (:event_id?, :topic, :partition, :offset, :key?, :payload.n, :payload.note?,
fault(:payload.fault?, :event_id?))"""


def flaky_counter(event_id):
    """The sequence behind a flaky event; it must exist before the event is produced."""
    return f"CREATE SEQUENCE IF NOT EXISTS flaky_{_md5(event_id)}"


def _md5(text):
    import hashlib
    return hashlib.md5(text.encode()).hexdigest()


def envelope(event_id, n=0, event_type="order", **payload):
    body = {"event_type": event_type, "timestamp": "2024-05-01T12:00:00Z", "schema_version": 1,
            "payload": {"n": n, **payload}}
    if event_id is not None:
        body = {"event_id": event_id, **body}
    return json.dumps(body).encode()


def stream(count, keys=10, duplicates=0.0, seed=1, prefix="e"):
    """(event id, key, value) of `count` records, that share of them repeats of earlier ones."""
    chance = random.Random(seed)
    made = []
    for n in range(count):
        if made and chance.random() < duplicates:
            yield chance.choice(made[-200:])
        else:
            made.append((f"{prefix}-{n}", f"k{n % keys}".encode(), envelope(f"{prefix}-{n}", n)))
            yield made[-1]
