"""
test_redis_batch - one batch over Redis that ends in part, ids with two contents, replays
"""

import signal

import pytest

from support.process import send_signal, wait_for
from support.redis_proxy import RedisProxy

from . import events
from .dlq import send_again
from .elsewhere import effects, ids, wait_effects
from .harness import slowness
from .redis_store import finish, repeats, rows, start, wanted


def is_decision(words):
    """The script that writes dead letters; the one that marks what is done travels behind it."""
    if words[0] != b"EVALSHA":
        return False
    arguments = words[3 + int(words[2]):]
    return len(arguments) > 2 and arguments[2] == b"X"


def test_killed_when_one_of_a_batch_is_decided_and_the_others_are_not_marked(world, redis):
    world.create_topics()
    records = world.produce_stream(60, prefix="a")
    world.produce_event("poison", key=b"p", fault="reject")
    records += world.produce_stream(60, prefix="b")
    killed = []

    def cut():
        wait_for(lambda: rows(redis)["dead"] == 1, 20 * slowness(), "the decision is written")
        killed.extend(onced.worker_pids())
        for pid in killed:
            send_signal(pid, signal.SIGKILL)

    proxy = RedisProxy(redis, is_decision, cut)
    onced = start(world, redis, changes={
        "onced": {"store": f"redis://127.0.0.1:{proxy.port}/0"},
        "consumer c": {"claim.lease": "10m", "lanes": 1, "batch.max": 200, "batch.linger": "300ms"}})
    wait_for(lambda: killed, 30 * slowness(), "a worker was killed")
    world.wait_finished(onced)
    onced.assert_accounted()
    shown = onced.metrics()
    assert shown.sum("onced_worker_exits_total") == 1
    # the neighbours of the decided one were made and not marked: they come again, and are counted
    assert 0 < repeats(world) <= shown.sum("onced_leases_taken_over_total")
    assert "leases were taken over from a worker" in onced.log_path.read_text()
    onced.stop()
    proxy.close()
    assert set(ids(world)) == wanted(records), "the poison had no effect, and nothing is lost"
    assert {letter.header("onced-event-id") for letter in world.dead_letters()} == {b"poison"}
    assert rows(redis) == {"done": 120, "dead": 1}


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_another_content_under_a_known_id_is_a_dead_letter(world, redis, kind):
    world.create_topics(partitions=2)
    world.produce_event("twice", 1, key=b"k", partition=0)
    world.kafka.flush()
    onced = start(world, redis, kind)
    wait_effects(world, 1)
    other = events.envelope("twice", 2)
    world.produce_event("twice", 1, key=b"k", partition=1)
    world.kafka.produce(world.topic, other, b"k", partition=1)
    # in one batch: the later one waits for the first, and then collides
    for n in (1, 2, 1):
        world.produce_event("batch", n, key=b"b", partition=0)
    world.kafka.flush()
    finish(world, onced, [("twice",), ("batch",)])
    assert sorted(ids(world)) == ["batch", "twice"]
    letters = {letter.header("onced-event-id"): letter for letter in world.dead_letters()}
    assert set(letters) == {b"twice", b"batch"}
    assert all(letter.header("onced-reason") == b"collision" for letter in letters.values())
    assert letters[b"twice"].value == other
    # two events, and a decision at the position of each that collided
    assert rows(redis) == {"done": 2, "dead": 2}


@pytest.mark.parametrize("kind", ["inside", "outside"])
def test_a_replay_takes_its_dead_letter_over(world, redis, kind):
    world.create_topics()
    world.produce_event("a", 1, key=b"k", fault="reject")
    world.kafka.flush()
    onced = start(world, redis, kind)
    world.wait_finished(onced)
    [letter] = world.dead_letters()
    send_again(world, letter)
    world.wait_finished(onced)
    [_, again] = world.dead_letters()
    assert again.header("onced-event-id") == b"a" and rows(redis) == {"dead": 1}
    send_again(world, again, events.envelope("a", 2))
    wait_effects(world, 1)
    # what took effect is a duplicate, sent again or not; the content that failed collides now
    send_again(world, again, events.envelope("a", 2))
    send_again(world, again)
    world.wait_finished(onced)
    shown = onced.metrics()
    onced.assert_accounted()
    onced.stop()
    assert (shown.settled("done"), shown.settled("duplicate"), shown.settled("dead_lettered")) == (1, 1, 3)
    assert [(e.id, e.offset) for e in effects(world)] == [("a", 2)]
    assert [letter.header("onced-reason") for letter in world.dead_letters()] == [
        b"rejected", b"rejected", b"collision"]
