"""
test_store_faults - the database restarts, refuses, blocks and deadlocks; nothing is lost or burnt
"""

import time

import pytest

SMALL = {"consumer c": {"batch.max": 20, "lanes": 2}}


def no_dead_letter(onced):
    assert onced.metrics().sum("onced_dead_letters_total") == 0


@pytest.mark.parametrize("graceful", [True, False], ids=["fast_shutdown", "kill"])
def test_postgres_restarted_under_load(world, graceful):
    world.create_topics(partitions=4)
    onced = world.start(SMALL)
    for round_ in range(3):
        world.produce_stream(800, keys=40, duplicates=0.02, seed=round_, prefix=f"r{round_}")
        world.wait_effects(round_ * 700 + 50)
        world.postgres.restart(graceful)
        world.check_always()
    world.wait_finished(onced)
    no_dead_letter(onced)
    assert onced.metrics().sum("onced_store_errors_total") > 0
    world.finish(onced)


def test_terminated_backends_under_load(world):
    world.create_topics(partitions=4)
    onced = world.start(SMALL)
    ended = 0
    for round_ in range(10):
        world.produce_stream(300, keys=40, seed=round_, prefix=f"r{round_}")
        world.wait_effects(round_ * 250 + 20)
        ended += world.postgres.terminate_backends(world.database)
    assert ended >= 10
    world.wait_finished(onced)
    no_dead_letter(onced)
    world.finish(onced)


def test_stopped_store_holds_and_resumes_by_itself(world):
    world.create_topics(partitions=2)
    onced = world.start()
    world.produce_stream(50)
    world.wait_finished(onced)
    committed = world.committed()
    world.postgres.stop()
    onced.wait_metric(1, "onced_store_down")  # with nothing to do
    world.produce_stream(300, prefix="while-down")
    onced.wait_metric(1, "onced_store_errors_total")
    onced.wait_until(lambda: onced.metrics().sum("onced_held") >= 1 or "store" in onced.state_text(), 20,
                     "status says that the store is down")
    assert world.committed() == committed
    assert len(onced.worker_pids()) == 1
    world.postgres.start()
    world.wait_finished(onced, 30)
    onced.wait_until(lambda: onced.metrics().sum("onced_store_down") == 0, 30, "it is available again")
    assert onced.metrics().sum("onced_retries_total") == 0
    no_dead_letter(onced)
    world.finish(onced)


def test_frozen_store_delays_and_loses_nothing(world):
    world.create_topics(partitions=2)
    world.produce_stream(500)
    onced = world.start(SMALL)
    world.wait_effects(50)
    before = onced.worker_pids()
    world.postgres.sigstop()
    try:
        world.produce_stream(200, prefix="frozen")
        onced.wait_metric(200, "onced_in_flight")
        onced.wait_until(lambda: onced.worker_pids() == before, 5, "status still answers")
    finally:
        world.postgres.sigcont()
    world.finish(onced)
    assert onced.process.returncode == 0 and world.effect_count() == 700


def test_start_while_the_store_is_down(world):
    world.create_topics()
    world.produce_stream(50)
    world.postgres.stop()
    onced = world.onced().start(wait=False)
    onced.wait_until(lambda: onced.worker_pids(), 30, "a worker runs although the store is down")
    # No partition can be opened: no lane has anything to find it out with.
    onced.wait_metric(1, "onced_store_down")
    assert all(w["store_down"] for w in onced.workers())
    world.postgres.start()
    onced.wait_until(lambda: onced.metrics().sum("onced_store_down") == 0, 30, "it is available again")
    world.finish(onced)


def test_refused_because_read_only_is_nobodys_fault(world):
    world.create_topics(partitions=2)
    world.sql("INSERT INTO gates VALUES ('ro', '25006')")
    for n in range(100):
        world.produce_event(f"e{n}", n, key=b"k%d" % n, fault="gate:ro")
    world.kafka.flush()
    onced = world.start(SMALL)
    onced.wait_until(lambda: any(w["store_down"] for w in onced.workers()), 20, "status says that the store refuses")
    # Two lanes, first pauses of some milliseconds that double up to a second: 30 questions take several.
    began = time.monotonic()
    onced.wait_metric(30, "onced_store_errors_total")
    assert time.monotonic() - began > 3, "a store that refuses is asked in a hot loop"
    assert onced.metrics().sum("onced_retries_total") == 0
    assert world.effect_count() == 0
    world.sql("DELETE FROM gates")
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_retries_total") == 0
    no_dead_letter(onced)
    world.finish(onced)


def test_read_only_database_holds(world):
    world.create_topics(partitions=2)
    onced = world.start(SMALL)
    world.produce_stream(50)
    world.wait_finished(onced)
    world.postgres.execute(f'ALTER DATABASE "{world.database}" SET default_transaction_read_only = on')
    world.postgres.terminate_backends(world.database)
    world.produce_stream(200, prefix="ro")
    onced.wait_metric(1, "onced_store_errors_total")
    world.postgres.execute(f'ALTER DATABASE "{world.database}" RESET default_transaction_read_only')
    world.postgres.terminate_backends(world.database)
    world.wait_finished(onced)
    no_dead_letter(onced)
    world.finish(onced)


def test_table_lock_of_somebody_else_is_waited_out(world):
    world.create_topics(partitions=2)
    onced = world.start({**SMALL, "onced": {"store.lock.timeout": "300ms"}})
    world.produce_stream(20)
    world.wait_finished(onced)
    other = world.postgres.connect(world.database)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE effects IN EXCLUSIVE MODE")
        world.produce_stream(300, prefix="locked")
        # A record that meets the lock alone is charged; without a success of its handler it is never given up.
        onced.wait_metric(6, "onced_retries_total")
    other.rollback()
    other.close()
    world.wait_finished(onced)
    no_dead_letter(onced)
    world.finish(onced)


def accounts(world, count=5):
    world.sql("CREATE TABLE accounts (id text PRIMARY KEY, balance bigint DEFAULT 0)")
    for n in range(count):
        world.sql("INSERT INTO accounts VALUES (%s)", (f"k{n}",))
    return {"handler effect": {"statement": (
        "UPDATE accounts SET balance = balance + 1 WHERE id = :key;\n"
        'INSERT INTO effects (event_id, topic, partition, "offset", key) '
        "VALUES (:event_id, :topic, :partition, :offset, :key)")}}


def test_row_lock_of_somebody_else_stops_only_its_strand(world):
    world.create_topics()
    changes = accounts(world)
    onced = world.start({**changes, "onced": {"store.lock.timeout": "200ms"},
                         "consumer c": {"ordering": "key", "batch.max": 20, "lanes": 2}})
    other = world.postgres.connect(world.database)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts WHERE id = 'k0' FOR UPDATE")
        world.produce_stream(200, keys=5)
        onced.wait_until(lambda: world.effect_count() >= 160, 60, "the other strands go on")
        assert world.sql("SELECT count(*) FROM effects WHERE key = 'k0'") == [(0,)]
    other.rollback()
    other.close()
    world.wait_finished(onced)
    no_dead_letter(onced)
    world.finish(onced, ordering="key")
    assert world.sql("SELECT sum(balance) FROM accounts") == [(200,)]


def test_deadlocks_with_a_foreign_session_cost_nobody_an_attempt(world):
    world.create_topics()
    changes = accounts(world, count=2)
    onced = world.start({**changes, "consumer c": {"batch.max": 50}})
    for round_ in range(5):
        _collide(world, onced, round_)
    world.wait_finished(onced)
    no_dead_letter(onced)
    world.finish(onced)
    assert world.sql("SELECT sum(balance) FROM accounts WHERE balance > 0") == [(world.effect_count(),)]


def _collide(world, onced, round_):
    """k1 is locked here; onced locks k0 and waits for k1; then k0 is wanted here: somebody loses."""
    import psycopg2.errors
    other = world.postgres.connect(world.database)
    other.autocommit = False
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT * FROM accounts WHERE id = 'k1' FOR UPDATE")
            world.produce_stream(20, keys=2, prefix=f"d{round_}")
            onced.wait_until(lambda: world.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'")[0][0] > 0, 30, "onced waits for the row")
            cursor.execute("SELECT * FROM accounts WHERE id = 'k0' FOR UPDATE")
    except psycopg2.errors.DeadlockDetected:
        pass
    finally:
        other.rollback()
        other.close()


def test_constraint_that_fails_at_commit_finds_its_record(world):
    world.create_topics(partitions=2)
    for n in range(200):
        world.produce_event(f"e{n}", n, partition=0, **({"fault": "commit:nobody"} if n == 77 else {}))
    world.kafka.flush()
    onced = world.start({"consumer c": {"batch.max": 100}, "retry": {"attempts": 2, "jitter": "none"}})
    onced.wait_metric(1, "onced_retries_total")
    # A later success of the handler is the witness that only this record is at fault.
    world.produce_event("witness", partition=1)
    world.kafka.flush()
    world.wait_finished(onced, 60)
    onced.stop()
    evidence = world.check_finished()
    assert evidence.effect_ids == {f"e{n}" for n in range(200) if n != 77} | {"witness"}
    [letter] = evidence.dead_letters
    assert letter.header("onced-event-id") == b"e77"
    assert letter.header("onced-code") == b"23503"


def test_table_that_goes_missing_holds_and_is_named(world):
    world.create_topics()
    world.produce_stream(20)
    onced = world.start()
    world.wait_finished(onced)
    world.sql("ALTER TABLE effects RENAME TO effects_away")
    world.produce_stream(20, prefix="while-missing")
    onced.wait_until(lambda: "effects" in onced.state_text(), 40, "status names the table")
    assert sum(world.committed().values()) == 20
    world.sql("ALTER TABLE effects_away RENAME TO effects")
    world.finish(onced, 60)
    assert world.dead_letters() == []


def test_missing_table_stops_the_start_and_is_named(world):
    world.create_topics()
    world.sql("ALTER TABLE effects RENAME TO effects_away")
    onced = world.onced().start(wait=False)
    assert onced.wait_exit(30) == 78
    assert "effects" in onced.log_tail()
