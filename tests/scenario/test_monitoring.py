"""
test_monitoring - what docs/monitoring has for Prometheus and Grafana, on a real Prometheus

Every expression of dashboard and rules is asked of a Prometheus that scrapes a onced at work.
"""

import json
import re
import subprocess

from .listener import listening
from .prometheus import DIRECTORY, Prometheus

# Of the dashboard: there whenever records flow. (Of the rules, none may answer while all is well.)
MAY_BE_EMPTY = ("onced_worker_exits_total", "onced_outage")


def promtool(*arguments):
    result = subprocess.run(["promtool", *arguments], cwd=DIRECTORY, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_configuration_and_its_rules_are_taken():
    promtool("check", "config", "prometheus.yaml")


def test_alerts_fire_when_they_should_and_only_then():
    promtool("test", "rules", "alerts_test.yaml", "alerts_day_test.yaml")


def dashboard_expressions():
    board = json.loads((DIRECTORY / "grafana.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    return [e.replace("$__rate_interval", "1m").replace("$consumer", ".*") for e in found]


def test_every_expression_is_answered_by_a_real_prometheus(world):
    world.create_topics(partitions=2)
    port, changes = listening()
    onced = world.start(changes)
    onced.wait_assigned(2)
    prometheus = Prometheus(world.directory / "prometheus", {f"127.0.0.1:{port}": {}})
    try:
        onced.wait_until(prometheus.is_up, 60, "onced is scraped")
        world.produce_stream(300)
        world.produce_event("poison", fault="22P02")
        world.wait_finished(onced)
        onced.wait_until(lambda: prometheus.ask("sum(rate(onced_records_settled_total[1m])) > 0"), 30, "a rate is seen")
        onced.wait_until(lambda: prometheus.ask("sum(onced_consumer_lag) == 0"), 30, "lag is seen")
        expressions = dashboard_expressions()
        assert len(expressions) > 30
        for expression in expressions:
            is_there = prometheus.ask(expression)
            assert is_there or any(name in expression for name in MAY_BE_EMPTY), f"no data for {expression}"
            known = {name for name in re.findall(r"onced_[a-z_]+", expression)}
            assert all(prometheus.ask(name) for name in known), f"{expression} asks for what is not there"
        rules = [rule for group in prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]
        assert len(rules) == 14
        for rule in rules:
            assert prometheus.ask(rule["query"]) is not None
            names = set(re.findall(r"onced_[a-z_]+", rule["query"]))
            assert all(prometheus.ask(name) for name in names), f"{rule['name']} asks for what is not there"
            assert rule["health"] == "ok" and not rule.get("lastError"), rule
        assert [r["name"] for r in rules if r["alerts"]] in ([], ["OncedDeadLetters"])
    finally:
        prometheus.stop()
    world.finish(onced)
