"""
test_compose - deploy/compose without an engine: every file it mounts is there, and its parts fit together

Its configuration, schema and producer run against the servers of the tests, by the addresses that the services have
among each other.
"""

import configparser
import json
import os
import pathlib
import subprocess
import urllib.parse

import pytest
import yaml

from support import go_tools
from support.postgres_server import PASSWORD, USER

from . import compose
from .harness import ROOT, run_tool

COMPOSE = compose.DIRECTORY
ORDERS = 200


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(compose.FILE.read_text())


@pytest.fixture(scope="module")
def load():
    """The reader of the Compose Specification's own authors: what a text comes to, and what is wrong with it."""
    try:
        reader = go_tools.program("compose-spec")
    except go_tools.NoGo as reason:
        pytest.skip(str(reason))

    def run(text, directory):
        file = directory / "compose.yaml"
        file.write_text(text)
        return subprocess.run([str(reader), "--format", "json", str(file)], cwd=COMPOSE, capture_output=True, text=True)
    return run


def test_it_is_what_the_specification_allows(load, tmp_path):
    done = load(compose.FILE.read_text(), tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr  # a variable that nobody sets would be told there
    assert set(json.loads(done.stdout)["services"]) == {
        "kafka", "topics", "postgres", "onced", "producer", "prometheus", "grafana"}


@pytest.mark.parametrize("good, bad, words", [
    ("    read_only: true", "    readonly: true", "readonly"),
    ("retries: 20", "retries: many", "retries"),
    ('ports: ["127.0.0.1:3000:3000"]', 'ports: ["127.0.0.1:3000:http"]', "http"),
    ("condition: service_healthy", "condition: healthy", "condition"),
], ids=["name", "number", "port", "condition"])
def test_its_reader_sees_a_mistake(good, bad, words, load, tmp_path):
    text = compose.FILE.read_text()
    assert good in text
    done = load(text.replace(good, bad, 1), tmp_path)
    assert done.returncode != 0 and words in done.stderr, done.stderr


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


def test_who_is_waited_for_can_come_to_it(services):
    for name, service in services["services"].items():
        waits = service.get("depends_on", {})
        for other, how in (waits.items() if isinstance(waits, dict) else ()):
            there = services["services"][other]
            if how["condition"] == "service_healthy":
                assert "healthcheck" in there, f"{name} waits for {other}, whose health nobody checks"
            if how["condition"] == "service_completed_successfully":
                assert there.get("restart") == "no", f"{name} waits for {other}, which never ends"


def published(service):
    return [entry.rsplit(":", 1) for entry in service.get("ports", ())]


def test_no_port_is_taken_twice(services):
    taken = [outside for service in services["services"].values() for outside, _ in published(service)]
    assert len(taken) == len(set(taken)) == 5


def test_who_reads_metrics_and_shows_them_is_told_where(services):
    """Prometheus finds onced, Grafana finds Prometheus and the dashboard."""
    services = services["services"]
    onced = configparser.ConfigParser(delimiters="=", interpolation=None)
    onced.read(COMPOSE / "onced.ini")
    [scrape] = yaml.safe_load((COMPOSE / "prometheus.yaml").read_text())["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["onced:" + onced["onced"]["http.listen"].rpartition(":")[2]]}]
    [source] = yaml.safe_load((COMPOSE / "grafana" / "datasources" / "prometheus.yaml").read_text())["datasources"]
    where = urllib.parse.urlsplit(source["url"])
    assert str(where.port) in [inside for _, inside in published(services[where.hostname])] and source["isDefault"]
    [provider] = yaml.safe_load((COMPOSE / "grafana" / "dashboards" / "onced.yaml").read_text())["providers"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in [target for _, target in mounts(services["grafana"])]
    assert home.startswith(provider["options"]["path"] + "/")
    configuration = dict((target, source) for source, target in mounts(services["prometheus"]))
    assert configuration["/etc/prometheus/prometheus.yml"] == COMPOSE / "prometheus.yaml"
    for rules in yaml.safe_load((COMPOSE / "prometheus.yaml").read_text())["rule_files"]:
        assert rules in configuration


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


@pytest.fixture(scope="module")
def broker():
    made = compose.Broker().start()
    yield made
    made.close()


def test_broker_topics_and_producer_are_those_of_the_services(services, broker):
    """A broker with its service's settings alone, and the commands of the others, by Kafka's own tools."""
    services = services["services"]
    assert broker.run(services["kafka"]["healthcheck"]["test"][1:]).returncode == 0
    for _ in range(2):
        done = broker.run(services["topics"]["entrypoint"])
        assert done.returncode == 0, done.stdout + done.stderr
    wanted = configparser.ConfigParser(delimiters="=", interpolation=None)
    wanted.read(COMPOSE / "onced.ini")
    orders = wanted["consumer orders"]
    assert broker.partition_count(orders["topics"]) == broker.partition_count(orders["dlq.topic"]) == 6
    done = broker.run(services["producer"]["entrypoint"], ORDERS=str(ORDERS), PAUSE="0")
    assert done.returncode == 0, done.stdout + done.stderr
    found = broker.read(orders["topics"])
    assert len(found) == ORDERS + ORDERS // 10
    values = [record.value for record in found]
    assert sum(value == b'{"hello' for value in values) == 2 * (ORDERS // 100)
    for record in found:
        assert record.key.isdigit(), record
        if record.value != b'{"hello':
            assert json.loads(record.value)["payload"]["customer_id"] in (int(record.key), 99)


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
