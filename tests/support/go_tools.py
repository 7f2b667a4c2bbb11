"""
go_tools - what is taken from Go modules: programs built once and kept, and files to read

Versions are fixed here and nowhere else; all of them build with Go 1.24. Programs live in cache_dir(), sources
where Go keeps its downloads. Nothing of it is part of the repository.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

from .cache import made_once

GO_AT_LEAST = (1, 24)
KUBERNETES = "1.34.2"

# name: (module, version, package inside)
PROGRAMS = {
    "compose-spec": ("github.com/compose-spec/compose-go/v2", "v2.16.1", "cmd"),
    "controller-gen": ("sigs.k8s.io/controller-tools", "v0.19.0", "cmd/controller-gen"),
    "kube-apiserver": ("k8s.io/kubernetes", f"v{KUBERNETES}", "cmd/kube-apiserver"),
    "kubectl": ("k8s.io/kubernetes", f"v{KUBERNETES}", "cmd/kubectl"),
}
KEDA = ("github.com/kedacore/keda/v2", "v2.18.1")
MONITORING = ("github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring", "v0.86.2")


class NoGo(Exception):
    """There is no Go here, or an old one."""


def require_go():
    if not shutil.which("go"):
        raise NoGo("there is no Go")
    said = subprocess.run(["go", "version"], capture_output=True, text=True, check=True, env=_environment()).stdout
    found = tuple(map(int, re.search(r"go(\d+)\.(\d+)", said).groups()))
    if found < GO_AT_LEAST:
        raise NoGo(f"Go is {found[0]}.{found[1]}, {GO_AT_LEAST[0]}.{GO_AT_LEAST[1]} is needed")


def _environment():
    """The user's own, but for what would have Go fetch another Go, or look at a module around us."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=mod"}


def run(*command, directory, seconds=7200):
    """What a command says on standard output; its complaints become an exception."""
    done = subprocess.run(list(map(str, command)), cwd=directory, env=_environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=seconds)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def run_go(*arguments, directory):
    return run("go", *arguments, directory=directory)


def source(module, version):
    """The directory with the files of a module."""
    require_go()
    return pathlib.Path(json.loads(run_go("mod", "download", "-json", f"{module}@{version}", directory="/"))["Dir"])


def _staged(module, version):
    """
    {module: version} of what a module requires as v0.0.0, because it lives in its own repository: Kubernetes
    publishes these as v0.MINOR.PATCH.
    """
    file = json.loads(run_go("mod", "download", "-json", f"{module}@{version}", directory="/"))["GoMod"]
    names = re.findall(r"^\s+(\S+) v0\.0\.0$", pathlib.Path(file).read_text(), re.MULTILINE)
    return {name: version.replace("v1.", "v0.", 1) for name in names}


def write_module(directory, module, version):
    """A module of our own that needs it."""
    (directory / "go.mod").write_text("\n".join([
        "module onced.test/tools", "", "go {}.{}.0".format(*GO_AT_LEAST), "", f"require {module} {version}",
        *(f"replace {name} => {name} {at}" for name, at in _staged(module, version).items()), ""]))


def program(name):
    """The path of a program of the table."""
    module, version, package = PROGRAMS[name]

    def make(work):
        require_go()
        write_module(work, module, version)
        made = work / "program"
        # Two compilers at once: one for each processor would leave little to others.
        run_go("build", "-p", "2", "-ldflags", "-s -w", "-o", f"{made}/{name}", f"{module}/{package}", directory=work)
        return made
    return made_once(f"go-{name}-{version}", make) / name
