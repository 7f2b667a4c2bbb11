"""
kube_server - a real Kubernetes API server on free loopback ports, with an etcd behind it

Nothing else of a cluster: no scheduler, no kubelet, no controllers. What is applied is admitted, defaulted, pruned and
stored, and stays as it is; a namespace that is deleted waits for a controller, whose part `forget_namespace` does.
"""

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

from . import go_tools
from .cache import scratch_dir
from .process import Server, free_port, wait_for

TOKEN = "of-the-administrator"


class Etcd(Server):
    name = "etcd"

    def __init__(self, directory):
        super().__init__(directory)
        self.url, self._peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))

    def command(self):
        return ["etcd", "--data-dir=data", f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={self._peer}", f"--initial-advertise-peer-urls={self._peer}",
                f"--initial-cluster=default={self._peer}"]

    def is_ready(self):
        return _answer(f"{self.url}/health") is not None


class ApiServer(Server):
    name = "kube-apiserver"
    start_seconds = 300
    stop_seconds = 60

    def __init__(self):
        super().__init__(scratch_dir("kube"))
        self._program = go_tools.program("kube-apiserver")
        self.etcd = Etcd(self.directory)
        self.port = free_port()
        subprocess.run(["openssl", "genrsa", "-out", "accounts.key", "2048"], cwd=self.directory, check=True,
                       capture_output=True)
        (self.directory / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        self.config = self.directory / "kubeconfig"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            # Its certificate is made at its start, for these minutes.
            "clusters": [{"name": "here", "cluster": {"server": self.url(), "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}]}))

    def url(self, path=""):
        return f"https://127.0.0.1:{self.port}{path}"

    def command(self):
        return [str(self._program), f"--etcd-servers={self.etcd.url}", f"--secure-port={self.port}",
                "--bind-address=127.0.0.1", "--cert-dir=certificates", "--token-auth-file=tokens.csv",
                "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
                "--allow-privileged=true",
                "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=accounts.key",
                "--service-account-signing-key-file=accounts.key"]

    def start(self):
        self.etcd.start()
        return super().start()

    def is_ready(self):
        return _answer(self.url("/readyz")) is not None

    def close(self):
        self.stop()
        self.etcd.stop()
        super().close()


def _answer(url):
    """None while nobody says that all is well."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context if url.startswith("https") else None) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError):
        return None


class Kubectl:
    """The kubectl of the same version, as the administrator."""

    def __init__(self, server, directory):
        self.program = go_tools.program("kubectl")
        self.directory = directory  # where paths in commands begin
        self.environment = {**os.environ, "KUBECONFIG": str(server.config),
                            "KUBECACHEDIR": str(server.directory / "discovery"),
                            "PATH": f"{self.program.parent}:{os.environ['PATH']}"}

    def run(self, *arguments, given=None, **environment):
        return subprocess.run([str(self.program), *map(str, arguments)], cwd=self.directory, input=given,
                              stdin=None if given is not None else subprocess.DEVNULL, capture_output=True, text=True,
                              env={**self.environment, **environment}, timeout=600)

    def __call__(self, *arguments, given=None, **environment):
        """What it prints; an AssertionError when it fails, and when the server warns of something."""
        done = self.run(*arguments, given=given, **environment)
        assert done.returncode == 0, f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}"
        assert "Warning" not in done.stderr, f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}"
        return done.stdout

    def get(self, made):
        """An object as it is stored; None when there is none."""
        metadata = made["metadata"]
        where = ["-n", metadata["namespace"]] if "namespace" in metadata else []
        group = made["apiVersion"].rpartition("/")[0]
        kind = f"{made['kind']}.{group}" if group else made["kind"]
        text = self("get", kind, metadata["name"], *where, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def forget_namespace(self, name):
        """The last step of its deletion, which a controller would do."""
        wait_for(lambda: json.loads(self("get", "namespace", name, "-o", "json"))["status"]["phase"] == "Terminating", 30,
                 f"namespace {name} is being deleted")
        last = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
        self("replace", "--raw", f"/api/v1/namespaces/{name}/finalize", "-f", "-", given=json.dumps(last))
