"""
test_older_brokers - assignment = consumer on brokers that do not offer it: named before, and while it waits
"""

import pytest

from support.cache import kafka_line, scratch_dir
from support.servers import Kafka

from .harness import run_tool
from .world import World

# Brokers hold the times of the session.
OF_BROKERS = {"kafka": {"session.timeout.ms": None, "heartbeat.interval.ms": None},
              "consumer c": {"assignment": "consumer", "instance.id": "off"}}
SENTENCE = "these brokers do not offer the group protocol of assignment = consumer"
REMEDY = "use assignment = eager or cooperative"


@pytest.fixture
def world_of(postgres):
    """A world on a broker of its own."""
    made = []

    def make(**options):
        try:
            kafka = Kafka(**options).start()
        except RuntimeError as error:
            pytest.skip(f"no such Kafka here: {error}")
        made.append(World(kafka, postgres, scratch_dir("run")))
        return made[-1].create_topics(partitions=2)

    yield make
    for world in made:
        world.close()
        world.kafka.close()


def doctor(onced, env):
    return run_tool("doctor", "-c", onced.write_config(), env=env, program="oncectl")


def test_brokers_with_a_preview_only_are_named(world_of, newer):
    world = world_of(line="3.9")
    onced = world.onced(OF_BROKERS, env=newer)
    found = doctor(onced, newer)
    assert found.returncode != 0
    [line] = [line for line in found.stdout.splitlines() if line.startswith("error")]
    assert "brokers" in line and SENTENCE in line and REMEDY in line
    onced.start(wait=False)
    onced.wait_until(lambda: SENTENCE in onced.consumer()["reason"], 60, "status says why nobody joins")
    assert REMEDY in onced.consumer()["reason"]
    # What the library was had write down for that is no line of the log.
    assert "ApiKey" not in onced.log_path.read_text()
    assert len(onced.worker_pids()) == 1
    onced.stop()


@pytest.mark.skipif(kafka_line().startswith("3."), reason="its brokers know no such feature")
def test_brokers_whose_feature_is_off_refuse_the_member(world_of, newer):
    world = world_of(format_options=("--feature", "group.version=0"))
    onced = world.onced(OF_BROKERS, env=newer).start(wait=False)
    onced.wait_until(lambda: SENTENCE in onced.log_tail(200), 60, "a worker says why it gives up")
    assert REMEDY in onced.log_tail(200)
    onced.terminate()
    onced.wait_exit()  # with the status of a worker that gave up, or of none that was there to stop
    onced.check_remains()
