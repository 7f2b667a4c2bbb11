"""
test_zombie - a whole onced is frozen past its session timeout, replaced, and comes back
"""

import signal

import pytest

from support.process import send_signal

FAST = {"consumer c": {"batch.max": 10, "lanes": 2, "instance.id": "off"},
        "onced": {"store.idle.timeout": "3s"}}


def freeze(onced):
    pids = onced.pids()
    for pid in pids:
        send_signal(pid, signal.SIGSTOP)
    return pids


def thaw(pids):
    for pid in pids:
        send_signal(pid, signal.SIGCONT)


@pytest.mark.parametrize("payload", [{}, {"fault": "sleep:0.02"}], ids=["between_batches", "inside_a_batch"])
def test_a_zombie_that_comes_back_changes_nothing(world, payload):
    world.create_topics(partitions=2)
    for n in range(600):
        world.produce_event(f"z{n}", n, key=f"k{n % 8}".encode(), **payload)
    world.kafka.flush()
    zombie = world.start(FAST)
    world.wait_effects(40)
    frozen = freeze(zombie)
    heir = world.start(FAST)
    heir.wait_assigned(2, 60)
    world.wait_finished(heir, 90)
    world.check_finished()
    committed = world.committed()
    thaw(frozen)
    zombie.wait_ready(60)
    # Both are members again; new events go on exactly once, and progress was not rewound.
    world.produce_stream(200, prefix="after")
    heir.wait_until(lambda: world.lag() == 0, 60, "the lag is 0 again")
    assert all(world.committed()[where] >= offset for where, offset in committed.items())
    zombie.stop()
    heir.stop()
    world.check_finished()


def test_a_frozen_worker_is_not_left_frozen(world):
    """Only the worker stops, its supervisor lives: it is replaced, whoever notices first."""
    world.create_topics(partitions=2)
    world.produce_stream(300)
    onced = world.start({"consumer c": {"batch.max": 10}, "onced": {"store.idle.timeout": "3s"}})
    world.wait_effects(20)
    [pid] = onced.worker_pids()
    send_signal(pid, signal.SIGSTOP)
    try:
        onced.wait_until(lambda: pid not in onced.worker_pids() and world.lag() == 0, 120, "a successor finished the work")
    finally:
        send_signal(pid, signal.SIGCONT)
    world.finish(onced)
