"""
test_drill - a drain that is tried on the live service, and the live screen
"""

import json
import signal
import subprocess
import time

import confluent_kafka
import pytest

from support.process import wait_for
from . import events
from .harness import BUILD, slowness
from .operate import Load, asked, oncectl


def pauses(onced):
    return json.loads(oncectl(onced, "show", "consumers", "--json"))[0]["pauses"]


def is_paused(onced):
    return bool(pauses(onced))


def test_a_drill_says_how_a_drain_goes_and_nothing_comes_twice(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2}})
    with Load(world, "drill") as load:
        wait_for(lambda: world.effect_count() > 100, 60, "effects before the drill")
        told = asked(onced, "drill", "c", "--lag", "4s", "--timeout", "120s")
        assert told["paused_seconds"] >= 4 and told["backlog"] > 0
        assert told["settled"] >= told["backlog"] and told["records_per_second"] > 0
        assert "terminationGracePeriodSeconds" in told["advice"]
        assert "Raise" not in told["advice"]
        assert not is_paused(onced)
    world.finish(onced)
    assert world.effect_count() == load.count


def test_a_drill_that_is_interrupted_resumes(world):
    world.create_topics()
    world.produce_event("before")
    world.kafka.flush()
    onced = world.start()
    wait_for(lambda: world.effect_count() == 1, 60, "the first effect")
    drill = subprocess.Popen([BUILD / "oncectl", "--socket", onced.socket, "drill", "c", "--lag", "10m"],
                             stdout=subprocess.PIPE, text=True)
    wait_for(lambda: is_paused(onced), 60, "the drill's pause")
    # A second one would resume what the first has paused.
    oncectl(onced, "drill", "c", expect=1)
    drill.send_signal(signal.SIGINT)
    drill.communicate(timeout=60)
    assert not is_paused(onced)
    world.produce_event("after")
    world.kafka.flush()
    world.finish(onced)


@pytest.fixture
def busy(world):
    """A onced with a record in hand that takes its time."""
    world.create_topics()
    onced = world.start()
    onced.wait_assigned(1)
    world.produce_event("slow", fault="sleep:15")
    world.kafka.flush()
    onced.wait_until(lambda: any(lane["stage"] != "idle" for w in onced.workers() for lane in w["lanes"]), 20,
                     "the slow record is in hand")
    return onced


def begin_drill(onced, *arguments):
    drill = subprocess.Popen([BUILD / "oncectl", "--socket", onced.socket, "drill", "c", *arguments],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    onced.wait_until(lambda: any(pause["until_ms"] for pause in pauses(onced)), 20, "a pause with an end stands behind the drain")
    return drill


def test_a_drill_that_is_killed_while_it_drains_leaves_a_pause_that_ends(world, busy):
    drill = begin_drill(busy, "--lag", "10s", "--timeout", "60s")
    assert drill.poll() is None and world.effect_count() == 0, "it still drains"
    drill.kill()
    drill.communicate()
    [pause] = pauses(busy)
    assert 60 < pause["until_ms"] / 1000 - time.time() < 150
    oncectl(busy, "resume", "c")
    world.finish(busy)


def test_a_drill_whose_terminal_goes_away_resumes_at_once(world, busy):
    drill = begin_drill(busy, "--lag", "10m")
    drill.stdout.close()  # who reads what it tells is gone
    drill.send_signal(signal.SIGHUP)
    _, said = drill.communicate(timeout=10 * slowness())
    assert drill.returncode == 1 and "interrupted before c was drained" in said
    assert not is_paused(busy)
    world.finish(busy)


def test_a_drill_knows_an_end_that_nobody_commits(world):
    """The marker of a transaction is an offset, and no record."""
    world.create_topics(partitions=2)
    onced = world.start()
    onced.wait_assigned(2)
    producer = confluent_kafka.Producer({"bootstrap.servers": world.kafka.bootstrap, "transactional.id": world.name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(world.topic, events.envelope("in-a-transaction", 1), b"k", partition=1)
    producer.commit_transaction(30)
    onced.wait_until(lambda: world.effect_count() == 1 and onced.consumer()["lag"] == 1, 30, "its marker is all that is left")
    told = asked(onced, "drill", "c", "--lag", "1s", "--timeout", "30s")
    assert told["lag_after"] == told["lag_before"] == 1 and "markers of transactions" in told["advice"]
    assert told["zero_lag_seconds"] < 5
    onced.stop()


def test_a_drill_takes_no_record_that_waits_for_such_an_end(world):
    """Parked, it makes a lag that does not move, too."""
    world.create_topics()
    onced = world.start({"retry": {"delay": "10m", "delay.max": "10m", "jitter": "none", "deadline": "2h"}})
    onced.wait_assigned(1)
    world.produce_event("parked", fault="flaky:100:23503")
    world.kafka.flush()
    onced.wait_until(lambda: onced.consumer()["lag"] == 1 and [p["parked"] for p in onced.partitions().values()] == [1], 60, "it waits")
    oncectl(onced, "drill", "c", "--lag", "1s", "--timeout", "8s", expect=4)
    assert not is_paused(onced)
    onced.stop()


def test_a_drill_warns_of_times_that_are_too_short(world):
    world.create_topics()
    onced = world.start({"onced": {"drain.timeout": "9s", "stop.timeout": "13s"}, "handler effect": {"timeout": "8s"}})
    onced.wait_assigned(1)
    world.produce_event("slow", fault="sleep:7")
    world.kafka.flush()
    onced.wait_until(lambda: any(lane["stage"] != "idle" for w in onced.workers() for lane in w["lanes"]), 20,
                     "the slow record is in hand")
    told = asked(onced, "drill", "c", "--lag", "1s", "--timeout", "120s")
    assert told["drain_seconds"] > 4.5, told
    assert "Raise drain.timeout" in told["advice"] and "at least 19 s" in told["advice"], told
    assert "stop.timeout is 13 s" in told["advice"], told
    world.finish(onced)


def test_top_shows_rates_until_it_is_stopped(world):
    world.create_topics(partitions=2)
    onced = world.start()
    with Load(world, "top"):
        wait_for(lambda: world.effect_count() > 100, 60, "effects")
        shown = oncectl(onced, "top", "--interval", "1s", "--times", "2")
        rows = [line.split() for line in shown.splitlines() if line]
        [row] = [row for row in rows if row[:2] == ["c", "running"]][-1:]
        assert int(row[2]) > 0, shown
        assert "c/0" in shown and f"c {world.topic}[" in shown
        assert len(oncectl(onced, "top", "--times", "1", "--json").splitlines()) == 1
        top = subprocess.Popen([BUILD / "oncectl", "--socket", onced.socket, "top", "--interval", "200ms"],
                               stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        top.send_signal(signal.SIGINT)
        top.communicate(timeout=10)
        assert top.returncode == 0
    world.finish(onced)
