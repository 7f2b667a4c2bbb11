"""
test_broker_faults - the broker restarts, freezes, and forgets records
"""

import pytest

from .harness import run_tool

SMALL = {"consumer c": {"batch.max": 20, "workers": 2}}


@pytest.mark.parametrize("graceful", [True, False], ids=["shutdown", "kill"])
def test_broker_restarted_under_load(world, graceful):
    world.create_topics(partitions=4)
    world.produce_stream(3000, keys=40, duplicates=0.02)
    world.produce_event("poison", key=b"p", fault="22P02")
    world.kafka.flush()
    onced = world.start(SMALL)
    world.wait_effects(100)
    before = onced.worker_pids()
    world.kafka.restart(graceful)
    world.wait_finished(onced, 120)
    assert onced.worker_pids() == before, "a broker that is away is no reason to die"
    world.produce_stream(100, prefix="after")
    world.finish(onced, 90)


def test_frozen_broker(world):
    world.create_topics(partitions=2)
    world.produce_stream(1000, keys=40)
    onced = world.start(SMALL)
    world.wait_effects(50)
    world.kafka.sigstop()
    try:
        onced.wait_until(lambda: onced.metrics().sum("onced_in_flight") == 0, 60, "what was fetched is worked off")
    finally:
        world.kafka.sigcont()
    world.finish(onced, 120)


def test_a_drain_whose_commit_had_no_answer_commits_again(world):
    """Nobody sends a record meanwhile, which would have a commit of its own."""
    world.create_topics()
    onced = world.start({"consumer c": {"partitions": "0", "commit.interval": "1m", "revoke.timeout": "1s"}})
    world.produce_stream(50)
    world.wait_effects(50)
    drain = ("drain", "c", "--wait", "--socket", onced.socket, "--timeout")
    world.kafka.sigstop()
    try:
        assert run_tool(*drain, "1s", program="oncectl").returncode == 4
        onced.wait_metric(1, "onced_commit_errors_total")
    finally:
        world.kafka.sigcont()
    assert run_tool(*drain, "60s", program="oncectl", timeout=80).returncode == 0
    assert world.committed() == {(world.topic, 0): 50}
    world.finish(onced)


def test_start_and_stop_while_the_broker_is_away(world):
    world.create_topics()
    world.produce_stream(50)
    world.kafka.stop()
    onced = world.onced().start(wait=False)
    onced.wait_until(lambda: onced.worker_pids(), 30, "a worker runs")
    onced.stop()
    onced.start(wait=False)
    onced.wait_until(lambda: onced.workers()[0]["broker_down"], 30, "status says that the broker is away")
    world.kafka.start()
    world.finish(onced, 120)
    # Positions without the cluster's id would be other positions after the next start.
    assert world.sql("SELECT count(*) FROM onced.topics WHERE cluster_id = ''") == [(0,)]


def lose_records(world, onced):
    """The group stands at 50, the log now begins at 80."""
    world.create_topics(partitions=2)
    for partition in (0, 1):
        for n in range(50):
            world.produce_event(f"p{partition}-{n}", n, partition=partition)
    world.kafka.flush()
    onced.start()
    world.wait_finished(onced)
    onced.stop()
    for partition in (0, 1):
        for n in range(50, 100):
            world.produce_event(f"p{partition}-{n}", n, partition=partition)
    world.kafka.flush()
    world.kafka.delete_records(world.topic, 0, 80)


def test_lost_records_hold_their_partition_loudly(world):
    onced = world.onced()
    lose_records(world, onced)
    onced.start()
    where = (world.topic, 0)
    onced.wait_until(lambda: onced.partitions().get(where, {}).get("state") == "held", 40, "the partition is held")
    entry = onced.partitions()[where]
    assert "50" in entry["reason"] and "80" in entry["reason"], entry
    onced.wait_until(lambda: world.committed().get((world.topic, 1)) == 100, 30, "the other partition goes on")
    assert world.committed()[where] == 50
    assert world.sql('SELECT max("offset") FROM effects WHERE partition = 0') == [(49,)]
    assert onced.metrics().sum("onced_held") >= 1
    onced.stop()
    assert world.committed()[where] == 50, "a hold ends by a person's word only"


def test_lost_partition_goes_on_when_the_offset_is_set(world):
    """Listed partitions leave the group without members, so that its offsets can be set while onced runs."""
    onced = world.onced({"consumer c": {"partitions": "0-1"}})
    lose_records(world, onced)
    onced.start()
    where = (world.topic, 0)
    onced.wait_until(lambda: onced.partitions().get(where, {}).get("state") == "held", 40, "the partition is held")
    world.kafka.set_committed(world.group, world.topic, {0: 90})
    onced.wait_until(lambda: world.lag() == 0, 30, "it goes on by itself")
    onced.wait_until(lambda: onced.metrics().sum("onced_held") == 0, 5, "nothing is held any more")
    onced.stop()
    assert world.sql('SELECT count(*) FROM effects WHERE partition = 0 AND "offset" >= 50') == [(10,)]


def test_a_lost_partition_goes_on_from_where_an_operator_says(world):
    onced = world.onced()
    lose_records(world, onced)
    onced.start()
    where = f"{world.topic}:0"
    onced.wait_until(lambda: onced.partitions().get((world.topic, 0), {}).get("state") == "held", 40,
                     "the partition is held")
    for words in (("pause", f"c:{where}", "--reason", "its offset is lost"),
                  ("offsets", "set", "c", where, "--to", "earliest"), ("resume", f"c:{where}")):
        result = run_tool(*words, "--socket", onced.socket, program="oncectl")
        assert result.returncode == 0, result.stdout + result.stderr
    world.wait_finished(onced)
    onced.wait_until(lambda: onced.metrics().sum("onced_held") == 0, 5, "nothing is held any more")
    onced.stop()
    assert world.sql('SELECT count(*) FROM effects WHERE partition = 0 AND "offset" >= 50') == [(20,)]


@pytest.mark.parametrize("policy, applied", [("earliest", 20), ("latest", 0)])
def test_lost_records_may_be_given_up_by_policy(world, policy, applied):
    onced = world.onced({"consumer c": {"offset.lost": policy}})
    lose_records(world, onced)
    onced.start()
    world.wait_finished(onced)
    for n in range(10):
        world.produce_event(f"later-{n}", partition=0)
    world.kafka.flush()
    world.wait_finished(onced)
    onced.stop()
    assert world.sql('SELECT count(*) FROM effects WHERE partition = 0 AND "offset" >= 50') == [(applied + 10,)]


def test_what_an_added_partition_lost_before_anybody_read_it_is_told(world):
    world.create_topics(partitions=1)
    onced = world.start()
    onced.wait_until(lambda: len(world.committed()) == 1, 20, "the group knows how many partitions there were")
    onced.stop()
    world.kafka.add_partitions(world.topic, 2)
    for n in range(10):
        world.produce_event(f"added-{n}", n, partition=1)
    world.kafka.flush()
    world.kafka.delete_records(world.topic, 1, 4)
    onced.start()
    world.finish(onced)
    assert world.effect_count() == 6
    assert "earlier records are gone" in onced.log_tail()


def test_records_lost_while_running_hold_too(world):
    """A strand is held back by a closed gate while the log is cut behind what was fetched."""
    world.create_topics()
    world.sql("INSERT INTO gates VALUES ('g', '23503')")
    world.produce_event("gate", fault="gate:g")
    world.produce_stream(200)
    onced = world.start({"retry": {"attempts": 0, "delay": "200ms", "delay.max": "200ms"}})
    onced.wait_metric(1, "onced_retries_total")
    world.kafka.delete_records(world.topic, 0, 150)
    world.sql("DELETE FROM gates")
    # What had been fetched before may still be applied; what is gone is either applied or held, never passed over.
    onced.wait_until(lambda: world.lag() == 0 or onced.metrics().sum("onced_held") >= 1, 60, "done or held")
    applied = {row[0] for row in world.sql('SELECT "offset" FROM effects')}
    committed = world.committed()[(world.topic, 0)]
    assert set(range(committed)) <= applied
    onced.stop()
