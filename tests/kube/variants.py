"""
variants - base and overlays, one by one: tried, applied, compared with what is stored, applied again, deleted
"""

from . import ground as grounds
from .ground import NAMESPACE, pod_of, text_of, workload_of


def differences(wanted, stored, path=""):
    """Where what is stored lacks, or has otherwise, something that was written."""
    if isinstance(wanted, dict) and isinstance(stored, dict):
        return [found for key, value in wanted.items() for found in (
            differences(value, stored[key], f"{path}.{key}") if key in stored else [f"{path}.{key} is missing"])]
    if isinstance(wanted, list) and isinstance(stored, list):
        if len(wanted) != len(stored):
            return [f"{path} has {len(stored)} entries, not {len(wanted)}"]
        return [found for n, (one, other) in enumerate(zip(wanted, stored)) for found in
                differences(one, other, f"{path}[{n}]")]
    return [] if wanted == stored else [f"{path} is {stored!r}, not {wanted!r}"]


def versions(kubectl, objects):
    return {(made["kind"], made["metadata"]["name"]): kubectl.get(made)["metadata"]["resourceVersion"] for made in objects}


def prove(ground, facts, variant):
    kubectl, where = ground.kubectl, f"deploy/kubernetes/{variant}"
    objects = ground.objects(variant)
    inside = [made for made in objects if made["kind"] != "Namespace"]
    *before, last = grounds.manual().replace("\\\n", " ").strip().splitlines()

    with facts.that(f"{variant}: the server would take all {len(objects)} objects, and stores none of them to try"):
        ground.say("\n".join(before))
        kubectl("apply", "-k", where, "--dry-run=server", "--validate=strict")
        assert not [made for made in inside if kubectl.get(made)]
    with facts.that(f"{variant}: the manual's command applies it without a warning"):
        assert last == "kubectl apply -k deploy/kubernetes/base", last
        ground.say(last, variant)
    with facts.that(f"{variant}: every field that is written is stored as it is written"):
        found = {f"{made['kind']} {made['metadata']['name']}": differences(made, kubectl.get(made)) for made in objects}
        assert not any(found.values()), {name: list_ for name, list_ in found.items() if list_}
    with facts.that(f"{variant}: applied again, nothing changes"):
        # By what is stored: kubectl sends the budget's selector each time, and calls it "configured".
        first = versions(kubectl, objects)
        kubectl("apply", "-k", where, "--validate=strict")
        assert versions(kubectl, objects) == first
    with facts.that(f"{variant}: applied twice by the server's own merge, nothing changes"):
        kubectl("apply", "-k", where, "--server-side")
        first = versions(kubectl, objects)
        kubectl("apply", "-k", where, "--server-side")
        assert versions(kubectl, objects) == first
    with facts.that(f"{variant}: a bare pod of its template is admitted where `restricted` is enforced"):
        kubectl("create", "-f", "-", given=text_of(pod_of(workload_of(objects))))
        kubectl("delete", "pod", "onced-tried", "-n", NAMESPACE, "--wait=false")
    with facts.that(f"{variant}: one command deletes all of it"):
        kubectl("delete", "-k", where, "--wait=false")
        left = [f"{made['kind']} {made['metadata']['name']}" for made in inside if kubectl.get(made)]
        assert not left, left
    ground.clear()
