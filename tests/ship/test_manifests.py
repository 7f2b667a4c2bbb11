"""
test_manifests - the Kubernetes manifests against the schemas of several versions, and against what they promise
"""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from scenario.harness import ROOT, run_tool
from support import custom_resources, go_tools

from . import kustomization
from .kustomization import DIRECTORY, VARIANTS, container, only, workload

VERSIONS = ("1.28", "1.31", "1.34")
CUSTOM = {"PodMonitor", "ScaledObject"}  # their schemas are their operators'
KUBECTL_AT_LEAST = (1, 27)  # older ones have a kustomize that does not know all that is used here
PARTITIONS = 12  # of the topic that docs/kubernetes.md reckons with
# The first one that asks for the definitions of the operators builds what makes them.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(params=VARIANTS)
def objects(request):
    return kustomization.build(DIRECTORY / request.param)


def environment(objects):
    return {entry["name"]: entry["value"] for entry in container(objects).get("env", ())}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


@pytest.fixture
def config(objects, tmp_path):
    """The effective configuration of a pod: its file, with secrets in their place, and its environment."""
    text = only(objects, "ConfigMap")["data"]["onced.ini"]
    for name in re.findall(r"@/etc/onced/secrets/(\S+)", text):
        (tmp_path / name).write_text("secret\n")
    file = tmp_path / "onced.ini"
    file.write_text(text.replace("/etc/onced/secrets", str(tmp_path)))
    assert run_tool("--check-config", "-c", file, env=environment(objects)).returncode == 0
    dumped = run_tool("--dump-config", "-c", file, env=environment(objects)).stdout
    values, section = {}, None
    for line in dumped.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif " = " in line and not line.startswith(("#", ";", " ")):
            key, value = line.split(" = ", 1)
            values[section, key] = re.sub(r"\s+[#;].*", "", value)
    return values


@pytest.fixture(scope="module")
def kubectl():
    found = shutil.which("kubectl")
    if not found:
        pytest.skip("there is no kubectl")
    said = subprocess.run([found, "version", "--client", "-o", "json"], capture_output=True, text=True, check=True).stdout
    version = json.loads(said)["clientVersion"]
    if (int(version["major"]), int(re.match(r"\d+", version["minor"])[0])) < KUBECTL_AT_LEAST:
        pytest.skip(f"kubectl is {version['gitVersion']}")
    return found


def by_name(objects):
    return {(made["kind"], made["metadata"]["name"]): made for made in objects}


@pytest.mark.parametrize("variant", VARIANTS)
def test_kustomize_makes_the_same_of_them(variant, kubectl):
    done = subprocess.run([kubectl, "kustomize", str(DIRECTORY / variant)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    without_hash = re.sub(r"\bonced-[0-9a-z]{10}\b", "onced", done.stdout)
    assert by_name(yaml.safe_load_all(without_hash)) == by_name(kustomization.build(DIRECTORY / variant))


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas(objects, version, tmp_path):
    standard = tmp_path / "objects.yaml"
    standard.write_text(yaml.safe_dump_all(made for made in objects if made["kind"] not in CUSTOM))
    done = subprocess.run([sys.executable, "-m", "kubernetes_validate", "-k", version, "--strict", str(standard)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def definitions():
    """{kind: definition}, as the operators publish them."""
    try:
        files = custom_resources.definition_files()
    except go_tools.NoGo as reason:
        pytest.skip(str(reason))
    return {kind: custom_resources.load(file) for kind, file in files.items()}


def test_custom_resources_have_the_schemas_of_their_operators(objects, definitions):
    for made in objects:
        if made["kind"] in CUSTOM:
            assert custom_resources.complaints(made, definitions[made["kind"]]) == []


@pytest.mark.parametrize("kind, path, value, words", [
    ("PodMonitor", "spec/podMetricsEndpoints/0/intervall", "15s", "intervall"),
    ("PodMonitor", "spec/podMetricsEndpoints/0/interval", "a while", "does not match"),
    ("ScaledObject", "spec/maxReplicaCount", "six", "not of type 'integer'"),
    ("ScaledObject", "spec/maxReplicas", 6, "maxReplicas"),
    ("ScaledObject", "spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleUp/policies/0/periodSeconds", "60s", "integer"),
], ids=["monitor-name", "monitor-value", "scaled-type", "scaled-name", "scaled-deep"])
def test_their_schemas_see_a_mistake(kind, path, value, words, definitions):
    made = only(kustomization.build(DIRECTORY / "overlays" / "keda"), kind)
    *parents, last = path.split("/")
    where = made
    for part in parents:
        where = where[int(part) if isinstance(where, list) else part]
    where[last] = value
    [said] = custom_resources.complaints(made, definitions[kind])
    assert words in said, said


def test_the_trigger_has_what_keda_reads(definitions):
    scaled = only(kustomization.build(DIRECTORY / "overlays" / "keda"), "ScaledObject")
    [trigger] = scaled["spec"]["triggers"]
    known = custom_resources.trigger_keys()
    assert set(trigger["metadata"]) <= set(known)
    assert {name for name, is_needed in known.items() if is_needed} <= set(trigger["metadata"])
    assert trigger["type"] == "prometheus" and all(isinstance(v, str) for v in trigger["metadata"].values())


def test_the_pod_is_restricted(objects):
    pod, inside = workload(objects)["spec"]["template"]["spec"], container(objects)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"]
    assert inside == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                      "capabilities": {"drop": ["ALL"]}}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    labels = only(objects, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_is_written_to_is_a_volume(objects, config):
    mounted = {mount["mountPath"] for mount in container(objects)["volumeMounts"] if not mount.get("readOnly")}
    assert mounted == {config["onced", "state.dir"], config["onced", "control.socket"].rpartition("/")[0]}


def test_selectors_find_the_pods(objects):
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    selectors = [made["spec"][name] for made in objects for name in ("selector", "podSelector")
                 if name in made.get("spec", {})]
    assert len(selectors) >= 4
    for selector in selectors:
        assert selector.get("matchLabels", selector).items() <= labels.items()


def test_a_pod_has_time_to_drain(objects, config):
    grace = workload(objects)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= seconds(config["onced", "drain.timeout"]) + 15


def test_a_pod_is_told_what_it_cannot_see(objects, config):
    spec = workload(objects)["spec"]
    assert seconds(config["onced", "stop.timeout"]) == spec["template"]["spec"]["terminationGracePeriodSeconds"]
    # The number of a Deployment's pods changes by hand, by KEDA and during a rollout.
    told = environment(objects).get("ONCED__ONCED__REPLICAS")
    assert told == (str(spec["replicas"]) if workload(objects)["kind"] == "StatefulSet" else None)


def test_probes_and_metrics_use_the_port(objects, config):
    [port] = container(objects)["ports"]
    assert config["onced", "http.listen"] == f"0.0.0.0:{port['containerPort']}"
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container(objects)[probe]["httpGet"] == {"path": path, "port": port["name"]}
    [endpoint] = only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == port["name"] and endpoint["path"] == "/metrics"


def test_there_is_work_for_every_worker(objects, config):
    scaled = [made["spec"]["maxReplicaCount"] for made in objects if made["kind"] == "ScaledObject"]
    replicas = scaled[0] if scaled else workload(objects)["spec"]["replicas"]
    assert replicas * int(config["consumer orders", "workers"]) <= PARTITIONS
    assert not scaled or "replicas" not in workload(objects)["spec"]


def test_a_static_member_outlives_its_pods_replacement():
    objects = kustomization.build(DIRECTORY / "overlays" / "static")
    made = workload(objects)
    assert made["kind"] == "StatefulSet" and "strategy" not in made["spec"]
    assert environment(objects)["ONCED__CONSUMER__ORDERS__INSTANCE_ID"] == "%H-%c-%n"
    session_s = int(environment(objects)["ONCED__KAFKA__SESSION_TIMEOUT_MS"]) / 1000
    assert session_s >= made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] + 30


def test_the_lag_that_scales_is_runnable():
    scaled = only(kustomization.build(DIRECTORY / "overlays" / "keda"), "ScaledObject")
    [trigger] = scaled["spec"]["triggers"]
    assert "onced_runnable_lag" in trigger["metadata"]["query"]
    # No answer is not a lag of 0, after which there would be one pod.
    assert trigger["metadata"]["ignoreNullValues"] == "false"


# Beside what it holds and what it has fetched; docs/kubernetes.md.
WORKER_MIB = 40


def size_mib(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|MiB|Gi|GiB)", text).groups()
    return int(number) * (1024 if unit.startswith("G") else 1)


def session_s(config):
    """Of dynamic members, where the file says nothing."""
    return int(config.get(("kafka", "session.timeout.ms"), 10_000)) / 1000


def test_handlers_end_while_it_drains(config):
    timeouts = [seconds(value) for (section, key), value in config.items()
                if section.startswith("handler ") and key == "timeout"]
    assert timeouts and max(timeouts) < seconds(config["onced", "drain.timeout"])


def test_records_in_hand_end_within_the_session(config):
    assert seconds(config["consumer orders", "revoke.timeout"]) < session_s(config)


def test_workers_fit_into_the_memory_of_the_pod(objects, config):
    limit = size_mib(container(objects)["resources"]["limits"]["memory"])
    worker = sum(size_mib(config["consumer orders", key]) for key in ("in_flight.bytes", "prefetch.bytes")) + WORKER_MIB
    assert int(config["consumer orders", "workers"]) * worker < limit


@pytest.mark.parametrize("objects", ["base"], indirect=True)
def test_the_manual_reckons_with_these_figures(objects, config):
    """The last column of the table "The arithmetic" of docs/kubernetes.md."""
    grace = workload(objects)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    session = int(environment(kustomization.build(DIRECTORY / "overlays" / "static"))["ONCED__KAFKA__SESSION_TIMEOUT_MS"])
    most = only(kustomization.build(DIRECTORY / "overlays" / "keda"), "ScaledObject")["spec"]["maxReplicaCount"]
    workers = config["consumer orders", "workers"]
    drain = f"{seconds(config['onced', 'drain.timeout'])} s"
    held, fetched = (size_mib(config["consumer orders", key]) for key in ("in_flight.bytes", "prefetch.bytes"))
    table = (ROOT / "docs" / "kubernetes.md").read_text().split("## The arithmetic")[1].split("\n\n")[1]
    assert [row.split(" | ")[2].strip(" |") for row in table.splitlines()[2:]] == [
        f"{workload(objects)['spec']['replicas']} × {workers} ≤ {PARTITIONS}",
        f"{seconds(config['handler insert_order', 'timeout'])} s < {drain}",
        f"{drain} + 15 s ≤ {grace} s",
        f"{grace} s + start < {session // 1000} s",
        f"{workers} × ({WORKER_MIB} + {held} + {fetched} MiB) < "
        f"{size_mib(container(objects)['resources']['limits']['memory']) // 1024} GiB",
        f"{seconds(config['consumer orders', 'revoke.timeout'])} s < {session_s(config):.0f} s",
        f"{most} × {workers} ≤ {PARTITIONS}"]
