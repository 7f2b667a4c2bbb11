"""
test_store_edges - the database says yes, or no, for reasons that are none of the record's

A COMMIT that no standby has, a column that became wider, a transaction that is too large for the server.
"""

import pytest

from .events import STATEMENT

INSERT = """INSERT INTO effects (event_id, topic, partition, "offset", key, n, note)
VALUES (:event_id, :topic, :partition, :offset, :key?, :payload.n, :payload.note?)"""


def backends_waiting_for_a_standby(world):
    return world.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                     " AND wait_event = 'SyncRep'")[0][0]


def test_commit_that_waits_for_a_standby_is_taken_for_nothing(world):
    """The connection is given up and its COMMIT waits on, with its rows: nobody passes them, until it ends."""
    world.create_topics(partitions=2)
    onced = world.start({"onced": {"store.statement.timeout": "100ms", "store.lock.timeout": "200ms"}})
    world.produce_stream(50, keys=5)
    world.wait_finished(onced)
    committed = world.committed()
    try:
        world.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        world.postgres.execute("SELECT pg_reload_conf()")
        world.produce_stream(20, keys=5, prefix="alone")
        onced.wait_until(lambda: backends_waiting_for_a_standby(world), 30, "a COMMIT waits")
        onced.wait_metric(1, "onced_store_errors_total", 60)
        assert world.committed() == committed and world.effect_count() == 50
    finally:
        world.postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
        world.postgres.execute("SELECT pg_reload_conf()")
    world.finish(onced)
    assert world.effect_count() == 70
    assert world.dead_letters() == []


@pytest.mark.parametrize("statement", [INSERT, STATEMENT], ids=["sets", "single"])
def test_column_made_wider_takes_what_it_can_now(world, statement):
    """A prepared statement keeps the types its parameters had."""
    world.create_topics()
    world.sql("ALTER TABLE effects ALTER COLUMN n TYPE int")
    onced = world.start({"handler effect": {"statement": statement}})
    world.produce_stream(50)
    world.wait_finished(onced)
    world.sql("ALTER TABLE effects ALTER COLUMN n TYPE bigint")
    for n in range(100):
        world.produce_event(f"large-{n}", 3_000_000_000 + n)
    world.produce_event("too-large", 3 * 10**19)
    world.kafka.flush()
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_retries_total") == 0
    evidence = world.finish(onced)
    assert [dead.header("onced-event-id") for dead in evidence.dead_letters] == [b"too-large"]
    assert world.sql("SELECT count(*) FROM effects WHERE n >= 3000000000") == [(100,)]


def test_batch_too_large_for_the_server_comes_in_smaller_ones(world):
    """As where each record touches another partition, and the table of locks is full."""
    world.sql("""CREATE FUNCTION room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM effects WHERE txid = txid_current()) > 3 THEN
            RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200';
        END IF;
        RETURN NEW;
    END $$""")
    world.sql("CREATE TRIGGER room BEFORE INSERT ON effects FOR EACH ROW EXECUTE FUNCTION room()")
    world.create_topics()
    world.produce_stream(100)
    onced = world.start({"consumer c": {"batch.max": 50, "lanes": 2}})
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_retries_total") == 0
    world.finish(onced)
    assert world.dead_letters() == []
