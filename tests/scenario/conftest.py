"""
conftest - servers for the session, a world for each scenario

Scenarios of one process run one after another: each may hit the shared servers, and leaves them running.
Several processes (pytest -n) have servers of their own, each.
"""

import pytest

from support import newest_rdkafka
from support.cache import scratch_dir
from support.servers import Kafka, KafkaCluster, Postgres, Redis

from .harness import BUILD, build_option
from .world import World


def pytest_collection_modifyitems(config, items):
    if not (BUILD / "onced").exists():
        raise pytest.UsageError(f"no program to test: {BUILD}/onced is missing")
    if not build_option("failpoints"):
        skip = pytest.mark.skip(reason="build without failpoints")
        for item in items:
            if item.get_closest_marker("failpoints"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def kafka_session():
    server = Kafka().start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_session():
    server = Postgres().start()
    yield server
    server.close()


@pytest.fixture
def kafka(kafka_session):
    """Running when the scenario begins, whatever the one before did to it."""
    kafka_session.sigcont()
    return kafka_session.start()


@pytest.fixture
def postgres(postgres_session):
    postgres_session.sigcont()
    return postgres_session.start()


@pytest.fixture
def redis():
    """Of the scenario's own: it starts in a blink, and what is done to it is of no use to others."""
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def newer():
    """The environment in which onced finds the newest librdkafka."""
    try:
        return newest_rdkafka.environment()
    except RuntimeError as error:
        pytest.skip(f"no newer librdkafka here: {error}")


@pytest.fixture(scope="module")
def cluster():
    servers = KafkaCluster(3).start()
    yield servers
    servers.close()


@pytest.fixture
def world(kafka, postgres, request):
    directory = scratch_dir("run")
    made = World(kafka, postgres, directory)
    yield made
    failed = getattr(request.node, "failed", False)
    try:
        for server in (kafka, postgres):
            server.sigcont()
            server.start()
        made.close()
    finally:
        _keep_or_remove(directory, failed, request.node.name)


def _keep_or_remove(directory, failed, name):
    """What a failed scenario wrote stays for a look; it is named in the report."""
    import os
    import shutil

    if failed or os.environ.get("ONCED_KEEP") == "1":
        print(f"\n{name}: kept {directory}")
        return
    shutil.rmtree(directory, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
