"""
test_premises - onced says at its start, and after a reload, when times and numbers do not fit where it runs

Told as the manifests tell a pod what it cannot see: by its environment.
"""

import json
import signal

UNFIT = {
    "ONCED__ONCED__STOP_TIMEOUT": "28s",
    "ONCED__ONCED__REPLICAS": "2",
    "ONCED__CONSUMER__C__INSTANCE_ID": "%H-%c-%n",
    "ONCED__KAFKA__SESSION_TIMEOUT_MS": "6000",
}
FIT = {
    "ONCED__ONCED__STOP_TIMEOUT": "45s",
    "ONCED__ONCED__REPLICAS": "2",
    "ONCED__CONSUMER__C__INSTANCE_ID": "%H-%c-%n",
    "ONCED__KAFKA__SESSION_TIMEOUT_MS": "90000",
}


def pod(world, environment, **consumer):
    world.create_topics(partitions=3)
    changes = {"onced": {"log.format": "json"}, "kafka": {"session.timeout.ms": None}, "consumer c": {
        "workers": 2, "instance.id": None, **consumer}}
    return world.start(changes, {"KUBERNETES_SERVICE_HOST": "10.0.0.1", **environment})


def told(onced, message):
    lines = [json.loads(line) for line in onced.log_path.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["msg"] == message]


def all_told(onced):
    return [line["what"] for message in ("the deployment does not fit", "more workers than partitions")
            for line in told(onced, message)]


def holds(sentences, *words):
    return any(all(word in sentence for word in words) for sentence in sentences)


def test_each_figure_that_does_not_fit_is_told_with_what_to_change(world):
    onced = pod(world, UNFIT)
    onced.wait_until(lambda: len(all_told(onced)) >= 3, 30, "three sentences")
    said = all_told(onced)
    assert holds(said, "stop.timeout (28s)", "drain.timeout (25s)"), said
    assert holds(said, "session timeout (6s)", "restart"), said
    assert holds(said, "4 workers (2 replicas of 2)", "3 partitions"), said
    assert len(said) == 3, said
    assert all(line["change"] and line["level"] == "warning" for line in told(onced, "the deployment does not fit"))
    onced.stop()


def test_the_figures_are_shown_and_judged_again_after_a_reload(world):
    onced = pod(world, FIT, workers=1)
    onced.wait_assigned(3)
    [line] = told(onced, "deployment")
    assert {name: line[name] for name in ("consumer", "replicas", "workers", "members", "session_timeout",
                                          "drain_timeout", "stop_timeout")} == {
        "consumer": "c", "replicas": 2, "workers": 1, "members": "static", "session_timeout": "90s",
        "drain_timeout": "25s", "stop_timeout": "45s"}
    assert all_told(onced) == []
    onced.sections["onced"]["drain.timeout"] = "43s"
    onced.write_config()
    onced.terminate(signal.SIGHUP)
    onced.wait_until(lambda: all_told(onced), 20, "the reload is judged, too")
    assert holds(all_told(onced), "stop.timeout (45s)", "drain.timeout (43s)")
    onced.stop()
