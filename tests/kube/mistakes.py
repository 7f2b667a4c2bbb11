"""
mistakes - planted one by one, each has to be refused: what accepts everything proves nothing
"""

import copy

from .ground import pod_of, text_of, workload_of

CONTAINER = ("spec", "template", "spec", "containers", 0)
# (what it is, kind, where, value, part of the server's answer)
IN_OBJECTS = (
    ("a misspelt field of the Deployment", "Deployment", ("spec", "template", "spec", "terminationGracePeriodSecond"), 45,
     'unknown field "spec.template.spec.terminationGracePeriodSecond"'),
    ("a word for a number in the Deployment", "Deployment", (*CONTAINER, "ports", 0, "containerPort"), "http",
     "containerPort"),
    ("a selector that finds none of its pods", "Deployment", ("spec", "selector", "matchLabels"), {"app": "other"},
     "does not match template `labels`"),
    ("a volume that is mounted and not there", "Deployment", (*CONTAINER, "volumeMounts", 0, "name"), "configuration",
     'volumeMounts[0].name: Not found: "configuration"'),
    ("a misspelt field of the PodMonitor", "PodMonitor", ("spec", "podMetricsEndpoints", 0, "intervall"), "15s",
     'unknown field "spec.podMetricsEndpoints[0].intervall"'),
    ("a wrong type in the ScaledObject", "ScaledObject", ("spec", "maxReplicaCount"), "six",
     "must be of type integer"),
    ("a misspelt field of the ScaledObject", "ScaledObject", ("spec", "maxReplicas"), 6,
     'unknown field "spec.maxReplicas"'),
    ("a protocol that is none in the NetworkPolicy", "NetworkPolicy", ("spec", "ingress", 0, "ports", 0, "protocol"),
     "TPC", 'Unsupported value: "TPC"'),
    ("two numbers in the PodDisruptionBudget", "PodDisruptionBudget", ("spec", "minAvailable"), 1,
     "cannot be both set"),
)
# In a pod that is otherwise good.
IN_PODS = (
    ("a privileged container", ("spec", "containers", 0, "securityContext"),
     {"privileged": True}, "privileged"),
    ("a container that may become root", ("spec", "securityContext", "runAsNonRoot"), False, "runAsNonRoot"),
    ("a capability", ("spec", "containers", 0, "securityContext", "capabilities", "add"), ["NET_ADMIN"],
     "unrestricted capabilities"),
    ("the host's files", ("spec", "volumes", 2), {"name": "state", "hostPath": {"path": "/var/lib"}}, "hostPath"),
    ("no seccomp profile", ("spec", "securityContext", "seccompProfile"), {"type": "Unconfined"}, "seccompProfile"),
)


def changed(made, path, value):
    made = copy.deepcopy(made)
    *parents, last = path
    where = made
    for part in parents:
        where = where[part]
    where[last] = value
    return made


def refused(kubectl, made, words):
    done = kubectl.run("apply", "--dry-run=server", "--validate=strict", "-f", "-", given=text_of(made))
    assert done.returncode != 0, f"it was accepted: {done.stdout}"
    assert words in done.stderr, done.stderr


def prove(ground, facts):
    """In a namespace in which the objects are."""
    objects = ground.objects("overlays/keda")
    ground.kubectl("apply", "-k", "deploy/kubernetes/overlays/keda")
    for what, kind, path, value, words in IN_OBJECTS:
        [good] = [made for made in objects if made["kind"] == kind]
        with facts.that(f"refused: {what}"):
            refused(ground.kubectl, changed(good, path, value), words)
    pod = pod_of(workload_of(objects))
    for what, path, value, words in IN_PODS:
        with facts.that(f"refused where `restricted` is enforced: {what}"):
            refused(ground.kubectl, changed(pod, path, value), words)
    with facts.that("a Deployment whose pods would be refused is warned of"):
        bad = changed(workload_of(objects), (*CONTAINER, "securityContext"), {"privileged": True})
        done = ground.kubectl.run("apply", "--dry-run=server", "-f", "-", given=text_of(bad))
        assert "would violate PodSecurity" in done.stderr, done.stderr
    ground.clear()
