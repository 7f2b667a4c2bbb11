"""
test_replicas - pods under load: scaled 1 → 3 → 1, rolled, one killed; every event takes effect once

Each pod is a supervisor with two workers in namespaces of its own. Handover is the time from the command until every
partition has an owner again.
"""

import os
import threading
import time

import pytest

from support import namespaces
from support.process import wait_for

from . import events, pod
from .harness import slowness

PARTITIONS = 6
WORKERS = {"consumer c": {"workers": 2, "instance.id": "auto", "batch.max": 50}}
STATIC = {"consumer c": {"workers": 2, "instance.id": "%H-%c-%n", "batch.max": 50},
          "kafka": {"session.timeout.ms": 20000}}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make networks")


@pytest.fixture(autouse=True)
def possible():
    namespaces.require(*pod.NAMESPACES)


class Load:
    """Orders that keep coming, until stopped."""

    def __init__(self, world):
        self.world = world
        self.count = 0
        self.is_on = True
        self.thread = threading.Thread(target=self._produce, daemon=True)
        self.thread.start()

    def _produce(self):
        while self.is_on:
            for _ in range(20):
                self.world.kafka.produce(self.world.topic, events.envelope(f"r-{self.count}", self.count),
                                         b"k%d" % (self.count % 60))
                self.count += 1
            self.world.kafka.flush()
            time.sleep(0.1)

    def stop(self):
        self.is_on = False
        self.thread.join()


def owners(world):
    """How many partitions each member of the group has; None while it is not settled."""
    state, members = world.kafka.describe_group(world.group)
    return sorted(len(assigned) for _, assigned in members.values()) if state == "STABLE" else None


def handover(world, members, began, seconds=60):
    """Seconds from `began` until so many members share all partitions."""
    def is_settled():
        shares = owners(world)
        return shares and len(shares) == members and sum(shares) == PARTITIONS
    wait_for(is_settled, seconds * slowness(), f"{members} members share the partitions")
    return time.monotonic() - began


@pytest.fixture
def told(record_property):
    """Figures for people: on standard output (-s, -rP), and properties of the test in the results."""
    def tell(what, seconds):
        record_property(what, f"{seconds:.1f}")
        print(f"handover, {what}: {seconds:.1f} s")
    return tell


def finish(world, load, pods):
    load.stop()
    wait_for(lambda: world.lag() == 0, 90 * slowness(), "the lag is 0")
    for one in pods:
        pod.stop(one)
    assert world.check_finished()
    assert world.effect_count() == load.count


def test_pods_are_scaled_rolled_and_killed_under_load(world, told):
    world.create_topics(partitions=PARTITIONS)
    pods = [pod.start(world, "onced-a", WORKERS)]
    load = Load(world)
    world.wait_effects(100)

    began = time.monotonic()
    pods += [pod.start(world, name, WORKERS) for name in ("onced-b", "onced-c")]
    told("1 → 3", handover(world, 6, began))

    for old, new in ((0, "onced-d"), (1, "onced-e")):
        pods.append(pod.start(world, new, WORKERS))  # first one more, as maxSurge has it
        handover(world, 8, time.monotonic())
        began = time.monotonic()
        pod.stop(pods[old])
        told("rolled", handover(world, 6, began))
    pods = pods[2:]

    began = time.monotonic()
    pod.kill(pods.pop())
    told("killed", handover(world, 4, began))

    began = time.monotonic()
    pod.stop(pods.pop())
    told("→ 1", handover(world, 2, began))
    finish(world, load, pods)


def test_a_pod_that_keeps_its_name_comes_back_without_a_rebalance(world, told):
    world.create_topics(partitions=PARTITIONS)
    pods = [pod.start(world, f"onced-{n}", STATIC) for n in range(3)]
    handover(world, 6, time.monotonic())
    load = Load(world)
    world.wait_effects(100)
    wait_for(lambda: all(rebalances(one) > 0 for one in pods), 20 * slowness(), "everybody has partitions")
    before = [rebalances(one) for one in pods[:2]]

    for leave, what in ((pod.kill, "killed"), (pod.stop, "rolled")):
        began = time.monotonic()
        leave(pods[2])
        pods[2] = pod.start(world, "onced-2", STATIC)
        pods[2].wait_until(lambda: len(pods[2].partitions()) == 2, 30, "it has its partitions again")
        told(f"{what} and back", time.monotonic() - began)
    assert [rebalances(one) for one in pods[:2]] == before, "the others did not notice"
    finish(world, load, pods)


def rebalances(one):
    return one.metrics().sum("onced_rebalances_total", consumer="c")
