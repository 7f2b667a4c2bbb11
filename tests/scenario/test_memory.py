"""
test_memory - a full backlog on many partitions stays under the bound that is printed
"""

import os
import pathlib

import pytest

from support.process import wait_for

PARTITIONS = 64
RECORD = 1024
PER_PARTITION = 3000
MIB = 1 << 20
# What a worker needs beside records: program, libraries, stacks, the page.
BASE = 48 * MIB


def resident(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.release
@pytest.mark.timeout(300)
def test_full_backlog_stays_under_the_printed_bound(world):
    world.create_topics(partitions=PARTITIONS)
    fill = "x" * (RECORD - 120)
    for n in range(PER_PARTITION):
        for partition in range(PARTITIONS):
            world.produce_event(f"{partition}-{n}", n, partition=partition, note=fill)
    world.kafka.flush(120)
    onced = world.start({
        "consumer c": {"prefetch.bytes": "256MiB", "in_flight.bytes": "32MiB", "batch.max": 100},
        "handler effect": {"statement": "SELECT pg_sleep(0.001), :payload.note"}})
    onced.wait_assigned(PARTITIONS)
    [pid] = onced.worker_pids()
    # The printed bound; what the library cannot honour is part of it.
    [worker] = onced.workers()
    bound = worker["prefetch_bound_bytes"] + 32 * MIB + BASE
    assert bound < 900 * MIB
    highest = 0
    samples = []

    def enough():
        nonlocal highest
        samples.append(resident(pid))
        highest = max(highest, samples[-1])
        return len(samples) > 300 or onced.metrics().settled() >= PARTITIONS * PER_PARTITION // 4

    wait_for(enough, 60, "a quarter of the backlog", every=0.1)
    assert onced.worker_pids() == [pid]
    assert highest <= bound, f"{highest // MIB} MiB resident, bound {bound // MIB} MiB"
    onced.stop()
