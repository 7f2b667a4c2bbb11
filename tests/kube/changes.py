"""
changes - what happens to what runs: another configuration, another variant, a number that KEDA has set
"""

from . import ground as grounds
from .ground import NAMESPACE, workload_of
from .variants import differences

SWITCH = "From one to the other"


def deployment(ground):
    return ground.kubectl.get({"apiVersion": "apps/v1", "kind": "Deployment",
                               "metadata": {"name": "onced", "namespace": NAMESPACE}})


def apply(ground, variant):
    ground.say(grounds.manual(), variant)


def prove_configuration(ground, facts):
    with facts.that("another onced.ini is a rollout, and the one before is kept to go back to"):
        apply(ground, "base")
        before = deployment(ground)
        file = ground.directory / "deploy" / "kubernetes" / "base" / "onced.ini"
        file.write_text(file.read_text().replace("drain.timeout = 25s", "drain.timeout = 24s"))
        ground.say("kubectl apply -k deploy/kubernetes/base")
        after = deployment(ground)
        assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
        names = [made["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] for made in (before, after)]
        assert names[0] != names[1]
        for name in names:
            ground.kubectl("get", "configmap", name, "-n", NAMESPACE)
        file.write_text(file.read_text().replace("drain.timeout = 24s", "drain.timeout = 25s"))
    ground.clear()


def prove_keda(ground, facts):
    commands = [line for line in grounds.manual(SWITCH).splitlines() if "static" not in line and "delete" not in line]
    with facts.that("base to KEDA as the manual says: the number of pods stays"):
        apply(ground, "base")
        ground.say("\n".join(commands))
        assert deployment(ground)["spec"]["replicas"] == 3
    with facts.that("a number that KEDA has set stays when the manifests are applied again"):
        ground.kubectl("scale", "deployment", "onced", "-n", NAMESPACE, "--replicas=5")
        ground.say("kubectl apply -k deploy/kubernetes/overlays/keda")
        assert deployment(ground)["spec"]["replicas"] == 5
    with facts.that("without the manual's first command there would be one pod: it is needed"):
        ground.clear()
        apply(ground, "base")
        ground.say(commands[-1])
        assert deployment(ground)["spec"]["replicas"] == 1
    ground.clear()


def prove_static(ground, facts):
    commands = [line for line in grounds.manual(SWITCH).splitlines() if "static" in line or "delete" in line]
    with facts.that("base to static members as the manual says: then only the StatefulSet is there"):
        apply(ground, "base")
        ground.say("\n".join(commands))
        wanted = ground.objects("overlays/static")
        assert not deployment(ground) and workload_of(wanted)["kind"] == "StatefulSet"
        assert not [found for made in wanted for found in differences(made, ground.kubectl.get(made))]
    ground.clear()
