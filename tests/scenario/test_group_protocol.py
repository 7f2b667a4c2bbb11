"""
test_group_protocol - assignment = cooperative and consumer: partitions move one by one, and brokers assign

Debian's librdkafka is too old for both: they run on a newer one, put before it at run time.
"""

import pytest

from support.cache import kafka_line
from support.process import send_signal
from .harness import merge, run_tool

OF_BROKERS = {"kafka": {"session.timeout.ms": None, "heartbeat.interval.ms": None},
              "consumer c": {"assignment": "consumer", "instance.id": "off", "batch.max": 20}}
COOPERATIVE = {"consumer c": {"assignment": "cooperative", "batch.max": 20}}
NEEDS_CONSUMER = pytest.mark.skipif(kafka_line().startswith("3."), reason="brokers before 4.0 do not assign")
BOTH = pytest.mark.parametrize("protocol", [
    pytest.param(COOPERATIVE, id="cooperative"), pytest.param(OF_BROKERS, id="consumer", marks=NEEDS_CONSUMER)])


def library_of_distribution():
    """(major, minor) of what the program is linked with when nobody says otherwise."""
    text = run_tool("--version", env={"LD_LIBRARY_PATH": ""}).stdout
    [line] = [line for line in text.splitlines() if line.startswith("librdkafka")]
    return tuple(int(part) for part in line.split()[1].split(".")[:2])


def owners(onced):
    return {entry["worker"] for entry in onced.partitions().values()}


def test_an_older_library_is_refused_with_what_to_do(world):
    if library_of_distribution() >= (2, 12):
        pytest.skip("the distribution's librdkafka is new enough")
    onced = world.onced(OF_BROKERS, env={"LD_LIBRARY_PATH": ""})
    onced.start(wait=False)
    assert onced.wait_exit() == 78
    assert "assignment = consumer needs librdkafka 2.12" in onced.log_tail()
    assert "use assignment = eager" in onced.log_tail()


def test_times_that_the_brokers_hold_are_refused(world):
    config = world.onced(merge(OF_BROKERS, {"kafka": {"session.timeout.ms": 6000}})).write_config()
    result = run_tool("--check-config", "-c", config)
    assert result.returncode == 78
    assert "session.timeout.ms cannot be set with assignment = consumer of [consumer c]" in result.stderr
    assert "consumer.session.timeout.ms of the group" in result.stderr


@BOTH
def test_partitions_move_under_load_and_nothing_is_lost_or_done_twice(world, newer, protocol):
    world.create_topics(partitions=6)
    world.produce_stream(1500, keys=60, duplicates=0.02)
    first = world.start(protocol, env=newer)
    first.wait_assigned(6)
    world.wait_effects(50)
    second = world.start(merge(protocol, {"consumer c": {"instance.id": "off"}}), env=newer)
    second.wait_until(lambda: len(second.partitions()) == 3, 40, "the newcomer has half of the partitions")
    first.wait_assigned(3)
    world.produce_stream(500, keys=60, prefix="shared")
    world.check_always()
    second.stop()
    first.wait_assigned(6)
    world.produce_stream(200, keys=60, prefix="alone")
    world.finish(first)


@BOTH
def test_a_killed_worker_of_two_comes_back(world, newer, protocol):
    world.create_topics(partitions=4)
    onced = world.start(merge(protocol, {"consumer c": {"workers": 2}}), env=newer)
    onced.wait_assigned(4)
    for round_ in range(2):
        wanted = world.effect_count() + 100
        world.produce_stream(600, keys=40, duplicates=0.02, seed=round_, prefix=f"r{round_}")
        onced.wait_until(lambda: world.effect_count() >= wanted, 40, "some effects")
        pid = onced.worker_pids()[round_]
        send_signal(pid, 9)
        onced.wait_worker_exit(pid)
        world.check_always()
        onced.wait_until(lambda: owners(onced) == {0, 1}, 60, "each worker has partitions")
    world.finish(onced)


@NEEDS_CONSUMER
def test_a_static_member_keeps_its_partitions_over_a_restart(world, newer):
    world.create_topics(partitions=4)
    static = merge(OF_BROKERS, {"consumer c": {"instance.id": "static-%n", "workers": 2}})
    onced = world.start(static, env=newer)
    onced.wait_assigned(4)
    before = {where: entry["worker"] for where, entry in onced.partitions().items()}
    world.produce_stream(400, keys=40)
    world.wait_effects(20)
    onced.stop()
    onced.start()
    onced.wait_assigned(4)
    assert {where: entry["worker"] for where, entry in onced.partitions().items()} == before
    [pid, _] = onced.worker_pids()
    send_signal(pid, 9)
    onced.wait_worker_exit(pid)
    # The group keeps its name until the session timeout, and refuses the successor until then.
    onced.wait_until(lambda: onced.metrics().sum("onced_worker_exits_total", cause="fenced") > 0, 20, "it was refused")
    onced.wait_assigned(4, 60)
    world.produce_stream(100, keys=40, prefix="after")
    world.finish(onced)


@NEEDS_CONSUMER
def test_a_running_group_changes_to_the_protocol_of_the_brokers(world, newer):
    """One after the other, as in a rolling upgrade: members of both are in the group meanwhile."""
    world.create_topics(partitions=4)
    world.produce_stream(800, keys=40)
    dynamic = {"consumer c": {"instance.id": "off", "batch.max": 20}}
    old = [world.start(dynamic, env=newer) for _ in range(2)]
    world.wait_effects(20)
    new = []
    for onced in old:
        new.append(world.start(OF_BROKERS, env=newer))
        onced.stop()
        world.produce_stream(200, keys=40, prefix=f"step{len(new)}")
        world.check_always()
    new[0].wait_until(lambda: sum(len(onced.partitions()) for onced in new) == 4, 40, "all partitions have moved")
    world.wait_finished(new[0])
    for onced in new:
        onced.stop()
    world.check_finished()


@pytest.mark.skipif(not kafka_line().startswith("3."), reason="brokers from 4.0 on assign")
def test_workers_wait_for_brokers_that_do_not_assign(world, newer):
    world.create_topics()
    onced = world.onced(OF_BROKERS, env=newer)
    onced.start(wait=False)
    onced.wait_until(lambda: "has not joined its group yet" in onced.log_tail(), 40, "the log says that nobody joined")
    assert onced.workers()[0]["state"] == "starting"
