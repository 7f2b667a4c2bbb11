"""
test_unassigned - lag of partitions that no worker of the group has
"""

import signal

from support.process import send_signal

from .harness import run_tool


def shown(onced, partition):
    return next((row for row in onced.consumer()["partitions"] if row["partition"] == partition), {})


def test_lag_of_a_worker_that_is_away_is_told_by_the_others(world):
    world.create_topics(partitions=2)
    for partition in range(2):
        world.produce_event(f"before-{partition}", partition=partition)
    world.kafka.flush()
    onced = world.start({"consumer c": {"workers": 2, "partitions": "0 | 1", "instance.id": "off"},
                         "onced": {"restart.intensity": "1 in 1h"}})
    world.wait_finished(onced)
    for _ in range(12):
        worker = onced.workers()[1]
        if worker["state"] == "waiting":
            break
        if worker["pid"]:
            send_signal(worker["pid"], signal.SIGKILL)
            onced.wait_worker_exit(worker["pid"])
    for n in range(7):
        world.produce_event(f"after-{n}", n, partition=1)
    world.kafka.flush()

    def is_told():
        row, worker = shown(onced, 1), onced.workers()[1]
        if worker["state"] != "waiting" and worker["pid"]:
            send_signal(worker["pid"], signal.SIGKILL)
        return row.get("state") == "unassigned" and row["lag"] == 7 and row["worker"] is None
    onced.wait_until(is_told, 90, "the other worker tells of it")
    # the other one lives: what is away is nobody's, once
    metrics = onced.metrics()
    if metrics.has("onced_unassigned_lag", partition=1):
        assert metrics.select("onced_unassigned_lag") == [
            ({"consumer": "c", "topic": world.topic, "partition": "1", "consumergroup": world.group}, 7)]
        assert not metrics.has("onced_consumer_lag", partition=1)
    top = run_tool("--socket", onced.socket, "top", "--times", 1, program="oncectl")
    assert top.returncode == 0, top.stderr


def test_partitions_added_while_all_members_start_anew_get_an_owner(world):
    # Nobody rebalances the group: static members come back as they were, and none knows fewer partitions.
    world.create_topics(partitions=2)
    world.produce_event("before", partition=0)
    world.kafka.flush()
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(2)
    world.wait_finished(onced)
    pids = onced.worker_pids()
    world.kafka.add_partitions(world.topic, 3)
    for pid in pids:
        send_signal(pid, signal.SIGKILL)
    world.kafka.close_clients()  # a producer of before knows two
    world.produce_event("after", partition=2)
    world.kafka.flush()
    onced.wait_until(lambda: shown(onced, 2).get("state") == "unassigned", 30, "it is told")
    onced.wait_assigned(3, 60)
    world.finish(onced)
