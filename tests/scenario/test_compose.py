"""
test_compose - deploy/compose without an engine: every file it mounts is there, and its parts fit together

Its configuration, schema and producer run against the servers of the tests, by the addresses that the services have
among each other.
"""

import os
import pathlib
import subprocess

import pytest
import yaml

from support.postgres_server import PASSWORD, USER

from .harness import ROOT, run_tool

COMPOSE = ROOT / "deploy" / "compose"
ORDERS = 200


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


def mounts(service):
    """[(source, target)] of what is mounted out of the repository."""
    volumes = [entry.split(":") for entry in service.get("volumes", [])]
    return [(COMPOSE / parts[0], parts[1]) for parts in volumes if parts[0].startswith(".")]


def test_what_is_mounted_is_there_and_read_only(services):
    for name, service in services["services"].items():
        for source, target in mounts(service):
            assert source.exists(), f"{name} mounts {source}"
        for entry in service.get("volumes", []):
            assert not entry.startswith(".") or entry.endswith(":ro"), f"{name}: {entry}"
    for secret in services["secrets"].values():
        assert (COMPOSE / secret["file"]).read_text().strip()


def test_names_refer_to_what_is_there(services):
    for name, service in services["services"].items():
        assert set(service.get("depends_on", ())) <= set(services["services"]), name
        assert set(service.get("secrets", ())) <= set(services["secrets"]), name
        for entry in service.get("volumes", []):
            source = entry.split(":")[0]
            assert source.startswith((".", "/")) or source in services["volumes"], f"{name}: {source}"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to everybody: {port}"
        image = service["image"]
        assert image == "onced" or ":" in image and not image.endswith(":latest"), image


def test_onced_is_told_its_grace_period(services):
    service = services["services"]["onced"]
    assert service["environment"] == {"ONCED__ONCED__STOP_TIMEOUT": service["stop_grace_period"]}


def test_onced_is_confined(services):
    service = services["services"]["onced"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {target for _, target in mounts(service)} == {"/etc/onced/onced.ini"}


def test_scripts_are_scripts():
    for script in COMPOSE.glob("*.sh"):
        subprocess.run(["sh", "-n", str(script)], check=True)


def test_prometheus_takes_its_configuration(tmp_path):
    text = (COMPOSE / "prometheus.yaml").read_text()
    alerts = ROOT / "docs" / "monitoring" / "alerts.yaml"
    (tmp_path / "prometheus.yaml").write_text(text.replace("/etc/prometheus/alerts.yaml", str(alerts)))
    subprocess.run(["promtool", "check", "config", str(tmp_path / "prometheus.yaml")], check=True, capture_output=True)


def sample_orders():
    made = subprocess.run(["sh", str(COMPOSE / "orders.sh")], env={**os.environ, "ORDERS": str(ORDERS), "PAUSE": "0"},
                          capture_output=True, text=True, check=True)
    return [line.split("|", 1) for line in made.stdout.splitlines()]


def test_its_parts_work_together(world, services, tmp_path):
    """The file as it is, but for addresses, and the names of topics, group and database."""
    world.create_topics(partitions=6)
    world.sql((COMPOSE / "schema.sql").read_text())
    (tmp_path / "password").write_text(PASSWORD + "\n")
    text = (COMPOSE / "onced.ini").read_text()
    for well_known, here in (
            ("postgres:5432/shop", f"127.0.0.1:{world.postgres.port}/{world.database}"),
            ("store.user = onced", f"store.user = {USER}"), ("/run/secrets/postgres-password", f"{tmp_path}/password"),
            ("kafka:19092", world.kafka.bootstrap), ("orders.dlq", world.dlq), ("topics = orders", f"topics = {world.topic}"),
            ("orders-service", world.group), ("http.listen = 0.0.0.0:9464\n", "")):
        assert well_known in text, well_known
        text = text.replace(well_known, here)
    checked = pathlib.Path(tmp_path / "onced.ini")
    checked.write_text(text)
    assert run_tool("--check-config", "-c", checked).returncode == 0
    onced = world.onced(env=services["services"]["onced"]["environment"])
    onced.write_config = lambda: onced.config.write_text(
        text.replace("[kafka]", f"control.socket = {onced.socket}\nstate.dir = {onced.directory}/state\n[kafka]"))
    (onced.directory / "state").mkdir()
    onced.start()
    assert "stop.timeout (" not in onced.log_path.read_text(), "there is time to drain"
    for key, value in sample_orders():
        world.kafka.produce(world.topic, value.encode(), key.encode())
    world.kafka.flush()
    world.wait_finished(onced)
    onced.stop()
    unknown, broken = ORDERS // 100, ORDERS // 100
    assert world.sql("SELECT count(*), count(DISTINCT id) FROM orders") == [
        (ORDERS - unknown - broken, ORDERS - unknown - broken)]
    assert len(world.dead_letters()) == unknown + 2 * broken, "a broken one that is sent twice has no id to be known by"
