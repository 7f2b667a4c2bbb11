"""
test_idle - waiting costs next to nothing, whatever is waited for
"""

import os
import pathlib
import time

import pytest

SECONDS = 4
# Of one core. Idle is 0.5 %, a loop that spins 100 %.
MOST = 0.05


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def assert_idle(onced):
    [pid] = onced.worker_pids()
    time.sleep(1)
    before = cpu_seconds(pid)
    time.sleep(SECONDS)
    share = (cpu_seconds(pid) - before) / SECONDS
    assert share < MOST, f"{share:.1%} of a core while waiting"


def wait_open(onced, count):
    """Where a partition starts is asked of the store: it can be away only after that."""
    onced.wait_until(lambda: [p["state"] for p in onced.partitions().values()] == count * ["running"],
                     30, "the partitions are open")


@pytest.mark.release
def test_nothing_to_do(world):
    world.create_topics(partitions=16)
    onced = world.start()
    onced.wait_assigned(16)
    assert_idle(onced)
    onced.stop()


@pytest.mark.release
def test_dead_letters_that_nobody_takes(world):
    world.create_topics(partitions=2, dlq_partitions=0)
    for n in range(400):
        world.produce_event(f"a{n}", n, key=f"k{n}".encode(), **({"fault": "22P02"} if n % 2 else {}))
    world.kafka.flush()
    onced = world.start({"consumer c": {"ordering": "key"}})
    onced.wait_metric(100, "onced_held")
    assert_idle(onced)
    onced.stop()


@pytest.mark.release
def test_store_that_is_away(world):
    world.create_topics(partitions=2)
    onced = world.start()
    wait_open(onced, 2)
    world.postgres.stop()
    world.produce_stream(5000)
    onced.wait_until(lambda: onced.workers()[0]["store_down"], 30, "the store's absence is noticed")
    assert_idle(onced)
    world.postgres.start()
    world.finish(onced)


@pytest.mark.release
def test_broker_that_is_away(world):
    world.create_topics(partitions=2)
    onced = world.start()
    onced.wait_assigned(2)
    world.kafka.stop()
    assert_idle(onced)
    world.kafka.start()
    world.produce_stream(100)
    world.finish(onced)


@pytest.mark.release
def test_strands_that_wait(world):
    world.create_topics(partitions=2)
    world.sql("INSERT INTO gates VALUES ('g', '23503')")
    for n in range(300):
        world.produce_event(f"a{n}", n, key=f"k{n}".encode(), fault="gate:g")
        for i in range(4):  # where half fail it would be an outage
            world.produce_event(f"ok{n}.{i}", n, key=f"ok{n}".encode())
    world.kafka.flush()
    onced = world.start({"consumer c": {"ordering": "key"},
                         "retry": {"attempts": 0, "delay": "5s", "delay.max": "30s", "jitter": "none"}})
    onced.wait_metric(300, "onced_retries_total")
    assert_idle(onced)
    world.sql("DELETE FROM gates")
    onced.stop()


@pytest.mark.release
def test_outage_that_is_waited_out(world):
    world.create_topics(partitions=2)
    world.sql("INSERT INTO gates VALUES ('g', '23503')")
    for n in range(300):
        world.produce_event(f"a{n}", n, key=f"k{n}".encode(), fault="gate:g")
    world.kafka.flush()
    onced = world.start({"consumer c": {"ordering": "key"}})
    onced.wait_metric(300, "onced_held")
    assert_idle(onced)
    world.sql("DELETE FROM gates")
    onced.stop()
