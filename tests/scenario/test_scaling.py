"""
test_scaling - the question that KEDA asks, put to a real Prometheus that scrapes two pods which are behind
"""

import pytest
import yaml

from support.process import wait_for

from .harness import ROOT, run_tool, slowness
from .listener import listening
from .prometheus import Prometheus

OVERLAY = ROOT / "deploy" / "kubernetes" / "overlays" / "keda"
EVENTS = 2000


def trigger():
    [found] = yaml.safe_load((OVERLAY / "scaledobject.yaml").read_text())["spec"]["triggers"]
    return found["metadata"]


@pytest.fixture
def pods(world):
    """[(onced, port)] under the name of the consumer that the manifests have; slow, so that they stay behind."""
    world.create_topics(partitions=4)
    world.produce_stream(EVENTS)
    made = []
    for _ in range(2):
        port, changes = listening()
        sections = world.sections(changes)
        sections["consumer orders"] = {**sections.pop("consumer c"), "instance.id": "off", "rate": "20 in 1s"}
        made.append((world.onced_with(sections), port))
    for onced, _ in made:
        onced.start()
    for onced, _ in made:
        onced.wait_assigned(2, name="orders")
    return made


@pytest.fixture
def ask(world, pods):
    """The number that KEDA would get, None where it gets none."""
    # What the operator adds for a PodMonitor.
    labels = {f"127.0.0.1:{port}": {"namespace": "onced", "pod": f"onced-{n}"} for n, (_, port) in enumerate(pods)}
    prometheus = Prometheus(world.directory / "prometheus", labels)
    wait_for(prometheus.is_up, 60 * slowness(), "both pods are scraped")

    def run(query):
        found = prometheus.ask(query)
        assert len(found) <= 1, "KEDA takes one number and no more"
        return float(found[0]["value"][1]) if found else None
    yield run
    prometheus.stop()


def test_keda_is_told_what_is_left_to_do_and_nothing_that_is_held_up(world, pods, ask):
    query = trigger()["query"]

    def tells(least, most, question=query):
        value = ask(question)
        return value is not None and least <= value <= most
    behind = world.lag()
    wait_for(lambda: tells(behind / 2, behind), 60 * slowness(), f"half of {behind} at least, and not all of it twice")
    assert ask(query.replace('"onced"', '"elsewhere"')) is None, "no figures are not a 0"

    onced = pods[0][0]
    paused = run_tool("--socket", onced.socket, "pause", "orders", "--reason", "upstream is away", program="oncectl")
    assert paused.returncode == 0, paused.stderr
    wait_for(lambda: tells(0, 0), 60 * slowness(), "there is nothing that more pods could do")
    assert ask('sum(onced_consumer_lag{consumer="orders"})') > EVENTS / 4, "it lies there all the same"
    for one, _ in pods:
        one.stop()
    world.check_always()
