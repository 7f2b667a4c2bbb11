"""
custom_resources - the definitions (CRD) of ScaledObject and PodMonitor, and objects held against their schemas

KEDA has its definitions in its module. The Prometheus operator's module has Go types: its own generator makes the
definitions of them.
"""

import re

import jsonschema
import yaml

from . import go_tools
from .cache import made_once


def definition_files():
    """{kind: file with the CustomResourceDefinition}"""
    keda = go_tools.source(*go_tools.KEDA)
    made = made_once(f"crd-podmonitors-{go_tools.MONITORING[1]}", _generate_pod_monitor)
    return {"ScaledObject": keda / "config" / "crd" / "bases" / "keda.sh_scaledobjects.yaml",
            "PodMonitor": made / "monitoring.coreos.com_podmonitors.yaml"}


def _generate_pod_monitor(work):
    module, version = go_tools.MONITORING
    generator = go_tools.program("controller-gen")
    go_tools.write_module(work, module, version)
    # Without a file that imports it, Go would not look for what it imports.
    (work / "tools.go").write_text(f'package tools\n\nimport _ "{module}/v1"\n')
    go_tools.run_go("mod", "tidy", directory=work)
    go_tools.run(generator, "crd:crdVersions=v1", f"paths={module}/v1", f"output:crd:dir={work}/crd", directory=work)
    return work / "crd"


def complaints(made, definition):
    """What is wrong with an object, also fields that an API server would drop; [] when nothing is."""
    version = made["apiVersion"].rpartition("/")[2]
    [schema] = [entry["schema"]["openAPIV3Schema"] for entry in definition["spec"]["versions"] if entry["name"] == version]
    return [f"{error.json_path}: {error.message}"
            for error in jsonschema.Draft202012Validator(_closed(schema)).iter_errors(made)]


def _closed(schema):
    """The same schema without room for fields that it does not name; metadata has a schema elsewhere."""
    if not isinstance(schema, dict):
        return schema
    closed = {}
    for name, value in schema.items():
        if name == "properties":
            closed[name] = {field: _closed(inner) for field, inner in value.items()}
        else:
            # The others (a default, a list of alternatives) name no fields of their own.
            closed[name] = _closed(value) if name in ("items", "additionalProperties") else value
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def load(path):
    return yaml.safe_load(path.read_text())


def trigger_keys():
    """{key that KEDA's Prometheus trigger knows in its metadata: whether it has to be there}"""
    text = (go_tools.source(*go_tools.KEDA) / "pkg" / "scalers" / "prometheus_scaler.go").read_text()
    found = re.findall(r'`keda:"name=(\w+),\s*order=triggerMetadata[^,"]*(,[^"]*)?"`', text)
    return {name: not re.search("optional|default", rest) for name, rest in found}
