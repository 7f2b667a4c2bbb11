"""
test_recycle - a worker whose plugin leaks is drained and replaced; nobody else notices
"""

import collections
import os
import pathlib
import time

from .harness import BUILD, is_sanitized, slowness

MISBEHAVE = BUILD / "tests" / "support" / "plugins" / "misbehave.so"
MIB = 1 << 20
# What a worker needs by itself, generously; and as much is leaked. Little, since each page costs time.
LIMIT = (256 if is_sanitized() else 96) * MIB
LEAK = LIMIT // MIB


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pid_by_slot(onced):
    return [worker["pid"] for worker in onced.workers()]


def test_worker_whose_plugin_leaks_is_replaced_and_its_neighbour_goes_on(world):
    world.create_topics(partitions=2)
    onced = world.start({
        "onced": {"worker.memory.max": f"{LIMIT // MIB}MiB"},
        "consumer c": {"workers": 2, "batch.max": 20, "ordering": "key"},
        "handler effect": {"type": "plugin", "path": MISBEHAVE, "gate": world.directory / "gate", "statement": None}})
    onced.wait_assigned(2)
    assert max(resident(pid) for pid in onced.worker_pids()) < LIMIT / 2
    before = onced.metrics().sum("onced_rebalances_total")
    first = pid_by_slot(onced)
    made = collections.Counter()

    def produce(count=4):
        for _ in range(count):
            for partition in range(2):
                world.produce_event(f"{partition}-{made[partition]}", made[partition], key=b"k%d" % (made[partition] % 5),
                                    partition=partition)
                made[partition] += 1
        world.kafka.flush()

    produce(20)
    world.produce_event("leak", key=b"leak", partition=0, fault=f"leak:{LEAK}")
    world.kafka.flush()
    world.wait_effects(41)
    # Slots know their partitions from the group: whoever is large now has partition 0.
    large = [pid for pid in first if resident(pid) > LIMIT]
    assert len(large) == 1, [resident(pid) // MIB for pid in first]
    slot = first.index(large[0])
    deadline = time.monotonic() + 30 * slowness()
    while not onced.metrics().sum("onced_worker_exits_total", cause="recycled"):
        produce()
        assert time.monotonic() < deadline, f"it was not replaced\n{onced.log_tail()}"
        time.sleep(0.1)
    replaced = time.monotonic()
    onced.wait_until(lambda: None not in pid_by_slot(onced) and pid_by_slot(onced)[slot] != first[slot], 20,
                     "another is in its place")
    onced.wait_ready()
    onced.wait_assigned(2)
    while time.monotonic() < replaced + 3:  # what would come of it comes now
        produce()
        time.sleep(0.1)
    shown = onced.metrics()
    second = pid_by_slot(onced)
    evidence = world.finish(onced, ordering="key")
    assert second[1 - slot] == first[1 - slot], "the neighbour was touched"
    assert shown.sum("onced_worker_exits_total") == shown.sum("onced_worker_exits_total", cause="recycled") == 1
    # The new process is told what it has, and nobody else is.
    assert shown.sum("onced_rebalances_total") - before == 1
    assert evidence.dead_letters == []
    assert evidence.effect_ids == {"leak"} | {f"{p}-{n}" for p in range(2) for n in range(made[p])}
    # Partition 1 stood still at no time.
    times = [at for at, in world.sql("SELECT extract(epoch FROM at)::float8 FROM effects WHERE partition = 1 ORDER BY at")]
    gap = max(b - a for a, b in zip(times, times[1:]))
    assert gap < 2 * slowness(), f"the neighbour's partition stood still for {gap:.1f} s"
