"""
test_names - the store is a host name, and its name servers say nothing, or something else than before
"""

import socket

import pytest

from .harness import NameServer

SMALL = {"consumer c": {"batch.max": 20, "lanes": 2}}


@pytest.fixture
def named(world):
    """A onced whose database is db.example, which the test answers for; not started yet."""
    world.create_topics(partitions=4)
    url = f"postgresql://db.example:{world.postgres.port}/{world.database}"
    onced = world.onced({**SMALL, "onced": {"store": url}})
    onced.name_server = NameServer(world.directory / "names")
    onced.name_server.set(db_example="127.0.0.1")
    return onced


def lose_the_store(world, onced, says):
    """Its connections end, and its name says what is given; records wait for it."""
    onced.name_server.set(db_example=says)
    world.postgres.terminate_backends(world.database)
    world.produce_stream(300, prefix=says)
    onced.wait_metric(1, "onced_store_down")


def test_name_servers_that_say_nothing_hold_no_worker(world, named):
    onced = named.start()
    world.produce_stream(300, prefix="before")
    world.wait_finished(onced)
    lose_the_store(world, onced, "?")
    onced.wait_until(lambda: "no name server answered in time" in onced.state_text(), 30,
                     "status says who does not answer")
    onced.stop()
    # What was in hand comes again, and is applied once.
    onced.name_server.set(db_example="127.0.0.1")
    world.finish(onced.start())


def test_a_store_that_moved_is_found_by_its_name(world, named):
    onced = named.start()
    world.produce_stream(300, prefix="before")
    world.wait_finished(onced)
    before = onced.worker_pids()
    lose_the_store(world, onced, "!")
    # Servers of the name that say nothing or are away are passed over.
    with socket.create_server(("127.0.0.2", world.postgres.port)):
        onced.name_server.set(db_example="127.0.0.2 127.0.0.9 127.0.0.1")
        world.wait_finished(onced)
    assert onced.worker_pids() == before
    onced.wait_until(lambda: onced.metrics().sum("onced_store_down") == 0, 30, "every session has found it")
    world.finish(onced)
