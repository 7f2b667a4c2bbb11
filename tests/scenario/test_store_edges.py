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


RIGHTS = "INSERT ON effects", "USAGE ON SEQUENCE effects_seq_seq"


def test_right_that_is_missing_is_no_fault_of_a_record(world):
    """But what row security refuses is."""
    world.sql("CREATE ROLE writer LOGIN PASSWORD 'writes'")
    try:
        world.sql(f'GRANT CREATE ON DATABASE "{world.database}" TO writer')
        for right in RIGHTS:
            world.sql(f"GRANT {right} TO writer")
        world.create_topics()
        onced = world.start({"onced": {"store.user": "writer", "store.password": "writes"},
                             "handler effect": {"statement": INSERT}})
        world.produce_stream(20)
        world.wait_finished(onced)
        for n, right in enumerate(RIGHTS):
            world.sql(f"REVOKE {right} FROM writer")
            world.produce_stream(20, prefix=f"forbidden-{n}")
            onced.wait_until(lambda: "42501" in onced.state_text() or "permission denied" in onced.state_text(), 30,
                             "status says what is missing")
            assert world.effect_count() == 20 + 20 * n
            world.sql(f"GRANT {right} TO writer")
            world.wait_finished(onced)
        world.sql("ALTER TABLE effects ENABLE ROW LEVEL SECURITY")
        world.sql("CREATE POLICY ours ON effects WITH CHECK (note IS DISTINCT FROM 'theirs')")
        world.produce_event("theirs", note="theirs")
        world.produce_stream(20, prefix="after")
        evidence = world.finish(onced)
        [dead] = evidence.dead_letters
        assert (dead.header("onced-event-id"), dead.header("onced-code")) == (b"theirs", b"42501")
        assert world.effect_count() == 80
    finally:
        world.sql("DROP OWNED BY writer CASCADE")
        world.sql("DROP ROLE writer")


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
