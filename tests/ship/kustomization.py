"""
kustomization - what kustomize makes of deploy/kubernetes, for machines that have no kustomize

The part of kustomize that these manifests use, and no more: an unknown field is an error. Generated names have no hash
here. Where kubectl is new enough, a test holds it against the real one.
"""

import copy

import yaml

from scenario.harness import ROOT

DIRECTORY = ROOT / "deploy" / "kubernetes"
VARIANTS = ("base", "overlays/static", "overlays/keda")
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "labels", "images", "patches"}


def build(directory):
    """The objects of a kustomization, as dictionaries."""
    file = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert set(file) <= _KNOWN, set(file) - _KNOWN
    objects = []
    for name in file.get("resources", ()):
        path = (directory / name).resolve()
        objects += build(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    objects += [_config_map(directory, entry) for entry in file.get("configMapGenerator", ())]
    for entry in file.get("patches", ()):
        _patch(directory, entry, objects)
    for made in objects:
        for entry in file.get("labels", ()):
            _label(made, entry)
        if made["kind"] != "Namespace" and "namespace" in file:
            made["metadata"]["namespace"] = file["namespace"]
        for image in file.get("images", ()):
            _set_image(made, image)
    return objects


def only(objects, *kinds):
    found = [made for made in objects if made["kind"] in kinds]
    assert len(found) == 1, kinds
    return found[0]


def workload(objects):
    return only(objects, "Deployment", "StatefulSet")


def container(objects):
    [made] = workload(objects)["spec"]["template"]["spec"]["containers"]
    return made


def _config_map(directory, entry):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": entry["name"]},
            "data": {name: (directory / name).read_text() for name in entry["files"]}}


def _patch(directory, entry, objects):
    text = entry["patch"] if "patch" in entry else (directory / entry["path"]).read_text()
    [target] = [made for made in objects if (made["kind"], made["metadata"]["name"]) ==
                (entry["target"]["kind"], entry["target"]["name"])]
    for step in yaml.safe_load(text):
        *parents, last = step["path"].strip("/").split("/")
        where = target
        for part in parents:
            where = where[int(part) if isinstance(where, list) else part]
        if step["op"] == "remove":
            del where[last]
        elif last == "-":
            assert step["op"] == "add" and isinstance(where, list), step
            where.append(copy.deepcopy(step["value"]))
        else:
            assert step["op"] == "add" or last in where, step
            where[last] = copy.deepcopy(step["value"])


def pod_template(made):
    return made.get("spec", {}).get("template") if made["kind"] in ("Deployment", "StatefulSet") else None


def _label(made, entry):
    places = [made["metadata"]]
    if entry.get("includeSelectors") and pod_template(made):
        places.append(made["spec"]["template"].setdefault("metadata", {}))
    for place in places:
        place["labels"] = {**place.get("labels", {}), **entry["pairs"]}
    if entry.get("includeSelectors"):
        for selector in _selectors(made):
            selector.update(entry["pairs"])


def _selectors(made):
    spec = made.get("spec", {})
    if pod_template(made):
        return [spec.setdefault("selector", {}).setdefault("matchLabels", {}),
                *(spread["labelSelector"]["matchLabels"]
                  for spread in spec["template"]["spec"].get("topologySpreadConstraints", ()))]
    return [spec[name]["matchLabels"] for name in ("selector", "podSelector") if "matchLabels" in spec.get(name, {})
            and made["kind"] in ("PodDisruptionBudget", "NetworkPolicy")]


def _set_image(made, image):
    for container in (pod_template(made) or {}).get("spec", {}).get("containers", ()):
        if container["image"] == image["name"]:
            container["image"] = f'{image["newName"]}:{image["newTag"]}'
