"""
test_names - the store is a host name, and its name servers say nothing, or something else than before
"""

import socket

import pytest

from .harness import NameServer, run_tool

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


def test_oncectl_reaches_the_server_behind_one_that_says_nothing(world):
    """Asked once, with nobody to ask again: each server has its own time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{world.postgres.port}/{world.database}"
        onced = world.onced({"onced": {"store": url}})
        config = onced.write_config()
        for verb, status, said in ((("migrate",), 0, "applied"), (("dedup", "check", "an-id"), 1, "unknown")):
            result = run_tool(*verb, "-c", config, env=onced._environment(), program="oncectl")
            assert result.returncode == status and said in result.stdout, result
