"""
test_outage_http - a service that is away, broken or flapping, and one poison that is not: by HTTP, under load

Attempts and delays are so small that every record would be used up in a moment.
"""

import collections
import json
import time

import pytest

from support.http_target import HANG, HttpTarget
from support.process import wait_for

from . import checker
from .harness import run_tool, slowness
from .outage import QUICK, Load, assert_nothing_dead, assert_told_once, is_outage, said


@pytest.fixture
def target():
    with HttpTarget() as made:
        yield made


def changes(target, retry=None, **consumer):
    return {
        "handler effect": None,
        "handler send": {"type": "http", "url": target.url("/orders"), "timeout": "1s"},
        "consumer c": {"handler": "send", "ordering": "key", "lanes": 8, **consumer},
        "retry": retry or QUICK,
    }


def go_away(target, how):
    if how == "refused":
        target.stop()
    else:
        target.default = how


def come_back(target, how):
    target.default = 200
    if how == "refused":
        target.start()


def keys_in_order(target, load):
    last = collections.defaultdict(lambda: -1)
    for number in (int(event_id[1:]) for event_id in target.done):
        assert number > last[number % load.keys], "out of order in its key"
        last[number % load.keys] = number


def finish(world, onced, target, load):
    """Every event is done, once, in the order of its key; nothing is dead."""
    world.wait_finished(onced, 90)
    onced.assert_accounted()
    onced.stop()
    assert sorted(target.done) == sorted(f"e{n}" for n in range(load.made))
    keys_in_order(target, load)
    assert world.dead_letters() == []


# 503: it answers, to everybody, that it cannot. HANG: half-open, it takes requests and says nothing.
CODES = {503: "503", "refused": "connect", HANG: "timeout"}


@pytest.mark.parametrize("how, seconds", [
    (503, 10), ("refused", 3), (HANG, 4), *(pytest.param(how, 60, marks=pytest.mark.slow) for how in CODES)])
def test_outage_of_a_service_under_load_dead_letters_nothing_and_loses_nothing(world, target, how, seconds):
    world.create_topics(partitions=4)
    onced = world.start(changes(target))
    load = Load(world, payload={})
    load.until(lambda: len(target.done) > 200, 60, "records flow")
    go_away(target, how)
    load.until(lambda: is_outage(onced), 60, "the outage is seen")
    asked, done = len(target.requests), len(target.done)
    load.lasts(seconds)
    # Some were under way when it was decided; then a probe a second.
    assert len(target.requests) - asked < 20 + 2 * seconds
    [found] = onced.workers()[0]["outages"]
    assert found["handler"] == "send" and found["records"] >= 3 and found["seconds"] > seconds - 1
    assert "outage of handler send" in run_tool("--socket", onced.socket, "status", program="oncectl").stdout
    assert_nothing_dead(world, onced)
    come_back(target, how)
    wait_for(lambda: len(target.done) > done, 2 * slowness(), "they flow again", every=0.02)
    onced.wait_until(lambda: not is_outage(onced), 2, "it ended by itself")
    finish(world, onced, target, load)
    assert_told_once(onced, "send", CODES[how])


def test_flapping_service_gets_everything_done(world, target):
    world.create_topics(partitions=4)
    onced = world.start(changes(target, {"attempts": 10, "delay": "100ms", "delay.max": "500ms"}))
    load = Load(world, payload={})
    load.until(lambda: len(target.done) > 100, 60, "records flow")
    for how in (503, "refused", HANG, 500):
        go_away(target, how)
        load.lasts(0.7)
        done = len(target.done)
        come_back(target, how)
        load.until(lambda: len(target.done) > done, 30, "something is done while it is up")
    finish(world, onced, target, load)


def test_one_poison_among_thousands_is_dead_lettered_while_other_partitions_go_on(world, target):
    """Its partition waits for its end; the others do not notice."""
    world.create_topics(partitions=4)
    target.script["poison"] = [500] * 100
    onced = world.start(changes(target, {"attempts": 5, "delay": "500ms", "delay.max": "500ms", "jitter": "none"},
                                ordering="partition"))
    made = collections.Counter()

    def produce(count):
        for _ in range(count):
            for partition in range(4):
                world.produce_event(f"{partition}-{made[partition]}", partition=partition)
                made[partition] += 1
        world.kafka.flush()

    def done(partition):
        return sum(i.startswith(f"{partition}-") for i in list(target.done))

    produce(250)
    wait_for(lambda: min(map(done, range(4))) == 250, 60 * slowness(), "records flow")
    world.produce_event("poison", partition=2)
    produce(250)
    wait_for(lambda: "poison" in target.ids(), 20 * slowness(), "the poison failed first")
    began = time.monotonic()
    while not world.dead_letters():
        produce(5)
        assert time.monotonic() - began < 60 * slowness()
    ended = time.monotonic()
    assert ended - began > 1.5, "it was tried for a while"
    times = {p: [began, *(at for i, at in zip(target.done, target.done_at) if i[0] == str(p) and began < at < ended), ended]
             for p in (0, 1, 3)}
    for partition, moments in times.items():
        assert len(moments) > 50, f"partition {partition} hardly went on"
        gap = max(after - before for before, after in zip(moments, moments[1:]))
        assert gap < 1 * slowness(), f"partition {partition} stood still for {gap:.1f} s"
    behind = [at for i, at in zip(target.done, target.done_at) if i[0] == "2" and began < at < ended - 0.5]
    assert behind == [], "what is behind the poison waits"
    produce(500)
    world.wait_finished(onced, 60)
    onced.stop()
    checker.check_dead_letters(world.evidence())
    [letter] = world.dead_letters()
    assert (letter.header("onced-reason"), letter.header("onced-code")) == (b"exhausted", b"500")
    assert (letter.header("onced-event-id"), letter.header("onced-attempts")) == (b"poison", b"5")
    assert sorted(target.done) == sorted(f"{p}-{n}" for p in range(4) for n in range(made[p]))
    for partition in range(4):
        assert [i for i in target.done if i[0] == str(partition)] == [f"{partition}-{n}" for n in range(made[partition])]
    assert said(onced, "different records fail") == []
    assert json.loads(letter.value)["event_id"] == "poison"
