"""
test_supervisor - the supervisor dies, drains, restarts; its workers never outlive their use
"""

import signal
import time

import pytest

from support.process import is_alive, send_signal, wait_for

from .harness import slowness
from .witness import Witness


def test_killed_supervisor_takes_its_workers_along(world):
    world.create_topics(partitions=4)
    world.produce_stream(2000)
    onced = world.start({"consumer c": {"workers": 2, "batch.max": 20}})
    world.wait_effects(100)
    workers = onced.worker_pids()
    send_signal(onced.pid, signal.SIGKILL)
    onced.process.wait()
    wait_for(lambda: not any(map(is_alive, workers)), 15 * slowness(), "orphaned workers end")
    world.check_always()
    onced.start()
    world.finish(onced)


def test_killed_supervisor_restarted_at_once_beside_its_orphans(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2, "batch.max": 20}})
    for round_ in range(3):
        world.produce_stream(600, seed=round_, prefix=f"s{round_}")
        world.wait_effects(600 * round_ + 50)
        send_signal(onced.pid, signal.SIGKILL)
        onced.process.wait()
        onced.start()
    assert onced.metrics().sum("onced_worker_exits_total", cause="fenced") == 0
    world.finish(onced)


def test_new_tree_ends_orphans_that_do_not_answer(world):
    world.create_topics(partitions=2)
    world.produce_stream(300)
    onced = world.start()
    world.wait_finished(onced)
    [stopped] = onced.worker_pids()
    send_signal(stopped, signal.SIGSTOP)
    send_signal(onced.pid, signal.SIGKILL)
    onced.process.wait()
    world.produce_stream(300, prefix="after")
    onced.start(wait=False)
    onced.wait_ready(60)
    assert not is_alive(stopped)
    world.finish(onced)


@pytest.mark.threads
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_drain_under_load_ends_in_time_and_repeats_nothing(world, number):
    world.create_topics(partitions=4)
    for n in range(2000):
        world.produce_event(f"e{n}", n, key=b"k%d" % (n % 40), fault="sleep:0.002")
    world.kafka.flush()
    onced = world.start({"consumer c": {"workers": 2, "batch.max": 25}})
    world.wait_effects(200)
    began = time.monotonic()
    onced.terminate(number)
    assert onced.wait_exit(25) == 0, onced.log_tail()
    assert time.monotonic() - began < 10 * slowness()
    onced.check_remains()
    evidence = world.evidence()
    assert len(evidence.effects) < 2000, "the drain came too late to prove anything"
    # What took effect is committed, to the record: a restart has nothing to repeat.
    assert sum(evidence.committed.values()) == len(evidence.effects)
    onced.start()
    world.wait_finished(onced)
    assert onced.metrics().settled("duplicate") == 0
    onced.stop()
    world.check_finished()


def test_drain_waits_for_the_record_in_hand(world):
    world.create_topics()
    world.produce_event("slow", fault="sleep:2")
    world.kafka.flush()
    onced = world.start()
    onced.wait_metric(1, "onced_in_flight")
    onced.stop()
    world.check_finished()
    assert world.effect_count() == 1


def test_second_term_is_the_same_drain(world):
    world.create_topics()
    for n in range(20):
        world.produce_event(f"e{n}", fault="sleep:0.2")
    world.kafka.flush()
    onced = world.start({"consumer c": {"batch.max": 1}})
    world.wait_effects(2)
    onced.terminate()
    onced.terminate()
    # As the default KillMode of a service manager does: workers get it too.
    for pid in onced.pids():
        send_signal(pid, signal.SIGTERM)
    assert onced.wait_exit() == 0
    onced.check_remains()
    world.check_always()
    assert sum(world.committed().values()) == world.effect_count()


def test_static_membership_outlives_a_killed_worker_and_a_restart(world):
    world.create_topics(partitions=3)
    witness = Witness(world)
    # The witness has to be polled all the while, or nobody's join would end.
    # However slow the machine is: a restart is shorter than the session, as it is by default.
    onced = world.onced({"consumer c": {"workers": 2}, "kafka": {"session.timeout.ms": 30000}}).start(wait=False)
    try:
        onced.wait_until(lambda: witness.poll(0.2) or (
            len(witness.assigned) == 1 and len(onced.partitions()) == 2), 40, "each member has one partition")
        mine = set(range(3)) - set(witness.assigned)
        calls = witness.calls

        pid = onced.worker_pids()[0]
        send_signal(pid, signal.SIGKILL)
        onced.wait_worker_exit(pid)
        _apply_one_each(world, witness, mine, "killed")
        onced.stop()
        onced.start(wait=False)
        _apply_one_each(world, witness, mine, "restarted")
        assert witness.calls == calls, "another member saw a rebalance"
    finally:
        witness.consumer.close()
    onced.stop()


def _apply_one_each(world, witness, partitions, prefix):
    for partition in partitions:
        world.produce_event(f"{prefix}-{partition}", partition=partition)
    world.kafka.flush()
    ids = {f"{prefix}-{p}" for p in partitions}
    wait_for(lambda: witness.poll(0.2) or ids <= {e.event_id for e in world.effects()}, 40 * slowness(),
             f"events {ids} take effect")


def test_two_holders_of_one_instance_id_do_not_fight_for_ever(world):
    world.create_topics(partitions=2)
    same = {"consumer c": {"instance.id": "twin-%n"}}
    first = world.start(same)
    second = world.onced(same).start(wait=False)
    first.wait_until(lambda: _fenced(first) + _fenced(second) >= 1, 40, "one holder is fenced")
    world.produce_stream(500)
    world.wait_effects(500, 60)
    began = _fenced(first) + _fenced(second)
    time.sleep(5)  # a measurement: how often they fence each other in that time
    assert _fenced(first) + _fenced(second) - began <= 3
    second.stop()
    world.produce_stream(100, prefix="later")
    world.finish(first, 90)


def _fenced(onced):
    return onced.metrics().sum("onced_worker_exits_total", cause="fenced")


def test_restarts_are_throttled_and_recover(world):
    world.create_topics()
    onced = world.start({"onced": {"restart.intensity": "2 in 1m"}})
    killed = set()
    for _ in range(4):
        [pid] = onced.wait_until(lambda: set(onced.worker_pids()) - killed, 60, "another worker runs")
        send_signal(pid, signal.SIGKILL)
        killed.add(pid)
    onced.wait_metric(4, "onced_worker_exits_total")
    world.produce_stream(20)
    world.finish(onced)


def test_stop_before_the_broker_was_ever_reached(world, tmp_path):
    onced = world.onced({"kafka": {"bootstrap.servers": "127.0.0.1:1"}}).start(wait=False)
    onced.wait_until(lambda: onced.worker_pids(), 20, "a worker runs")
    onced.stop()
