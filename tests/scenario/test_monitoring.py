"""
test_monitoring - what docs/monitoring has for Prometheus, tested by its own tools
"""

import subprocess

from .harness import ROOT

DIRECTORY = ROOT / "docs" / "monitoring"


def promtool(*arguments):
    result = subprocess.run(["promtool", *arguments], cwd=DIRECTORY, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_configuration_and_its_rules_are_taken():
    promtool("check", "config", "prometheus.yaml")


def test_alerts_fire_when_they_should_and_only_then():
    promtool("test", "rules", "alerts_test.yaml")
