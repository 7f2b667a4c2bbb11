"""
test_cluster - one broker of several is away
"""

import pytest

from support.cache import scratch_dir

from .world import World


@pytest.fixture
def clustered(cluster, postgres):
    """A world whose topic has partitions on one broker each."""
    made = World(cluster, postgres, scratch_dir("run"))
    cluster.create_topic(made.topic, 3, replicas=1)
    cluster.create_topic(made.dlq, 1)
    yield made
    made.close()


@pytest.mark.slow
def test_a_partition_without_a_leader_stops_no_other(clustered):
    world = clustered
    records = world.produce_stream(300, keys=60)
    onced = world.start()
    world.wait_finished(onced)
    onced.stop()
    world.produce_stream(300, keys=60, prefix="later")
    away = world.kafka.brokers[2]
    away.kill9()
    onced.start(wait=False)
    onced.wait_until(lambda: world.effect_count() > len(records), 60, "partitions with a leader start")
    away.start()
    world.finish(onced, 120)
