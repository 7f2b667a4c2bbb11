"""
test_pgbouncer - the main job through a pooler, which restarts and loses connections
"""

import pytest

from support.servers import Pgbouncer


@pytest.fixture(params=["transaction", "session"])
def bouncer(postgres, request):
    server = Pgbouncer(postgres, request.param).start()
    yield server
    server.close()


def test_main_job_through_a_pooler_that_restarts(world, bouncer):
    world.create_topics(partitions=4)
    onced = world.start({"onced": {"store": bouncer.url(world.database)},
                         "consumer c": {"workers": 2, "lanes": 2, "batch.max": 20}})
    for round_ in range(3):
        world.produce_stream(500, keys=40, duplicates=0.02, seed=round_, prefix=f"r{round_}")
        world.wait_effects(round_ * 450 + 50)
        world.postgres.terminate_backends(world.database)
        bouncer.restart(graceful=round_ == 1)
        world.check_always()
    world.wait_finished(onced)
    metrics = onced.metrics()
    assert metrics.sum("onced_store_errors_total") > 0
    assert metrics.sum("onced_dead_letters_total") == 0
    assert metrics.sum("onced_retries_total") == 0
    world.finish(onced)
