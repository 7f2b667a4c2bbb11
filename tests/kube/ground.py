"""
ground - where the manifests are applied: a server, its custom resources, and the commands of the manual
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import yaml

from support import custom_resources
from support.cache import scratch_dir
from support.kube_server import ApiServer, Kubectl
from support.process import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE = "onced"
VARIANTS = ("base", "overlays/static", "overlays/keda")
SECRETS = ("store-password", "kafka-password", "kafka-ca.pem", "postgres-ca.pem")
MANUAL = ROOT / "docs" / "kubernetes.md"


def manual(heading=None):
    """The first commands below a heading of docs/kubernetes.md, or the first of all."""
    text = MANUAL.read_text()
    if heading:
        assert f"\n## {heading}\n" in text, heading
        text = text.split(f"\n## {heading}\n")[1]
    return re.search(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1)


class Ground:
    def __init__(self):
        self.server = ApiServer()
        self.directory = scratch_dir("manifests")
        # The manual's paths begin at the repository; a copy, so that a change can be tried.
        shutil.copytree(ROOT / "deploy", self.directory / "deploy")
        for name in SECRETS:
            (self.directory / name).write_text("of a test\n")

    def start(self):
        self.server.start()
        self.kubectl = Kubectl(self.server, self.directory)
        return self

    def define(self):
        for kind, file in custom_resources.definition_files().items():
            self.kubectl("apply", "--server-side", "-f", file)
            name = custom_resources.load(file)["metadata"]["name"]
            self.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=60s")

    def say(self, commands, variant="base"):
        """Commands of the manual, each by a shell as somebody would type them."""
        commands = commands.replace("-k deploy/kubernetes/base", f"-k deploy/kubernetes/{variant}")
        done = subprocess.run(["sh", "-ec", commands], cwd=self.directory, env=self.kubectl.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and "Warning" not in done.stderr, done.stdout + done.stderr
        return done.stdout

    def objects(self, variant):
        return list(yaml.safe_load_all(self.kubectl("kustomize", f"deploy/kubernetes/{variant}")))

    def clear(self):
        """Nothing is left of the namespace; what the controllers of a cluster would remove goes by name."""
        if self.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
            kinds = self.kubectl("api-resources", "--namespaced", "--verbs=delete,list", "-o", "name").split()
            kinds.remove("endpoints")  # of services: to ask for them is warned of
            self.kubectl("delete", ",".join(kinds), "--all", "-n", NAMESPACE, "--wait=false")
            self.kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")
            self.kubectl.forget_namespace(NAMESPACE)
            wait_for(lambda: not self.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"), 30,
                     "the namespace is gone")

    def close(self):
        self.server.close()
        if os.environ.get("ONCED_KEEP") != "1":
            shutil.rmtree(self.directory, ignore_errors=True)


def pod_of(workload):
    """A bare Pod as a controller would make it."""
    template = workload["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "metadata": {
        **template["metadata"], "name": "onced-tried", "namespace": workload["metadata"]["namespace"]}}


def workload_of(objects):
    [found] = [made for made in objects if made["kind"] in ("Deployment", "StatefulSet")]
    return found


def text_of(*objects):
    return "---\n".join(json.dumps(made) + "\n" for made in objects)
