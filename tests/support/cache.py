"""
cache - where the tests keep what they download, and a place for what they write

Downloads (broker jars) live outside the repository, so that a clean clone does not fetch them
again: $ONCED_CACHE, else $XDG_CACHE_HOME/onced, else ~/.cache/onced. Scratch directories are short
paths (UNIX socket names are limited to 107 bytes) below $ONCED_SCRATCH, else the system's own.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

POM = pathlib.Path(__file__).parent / "kafka" / "pom.xml"


def cache_dir():
    named = os.environ.get("ONCED_CACHE")
    if named:
        return pathlib.Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "onced"


def scratch_dir(label):
    """A new directory that other users may enter: the database server runs as one of its own."""
    path = tempfile.mkdtemp(prefix=f"onced-{label}-", dir=os.environ.get("ONCED_SCRATCH"))
    os.chmod(path, 0o755)
    return pathlib.Path(path)


@contextlib.contextmanager
def _locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kafka_libs():
    """The broker's jars: downloaded once per version of the pom, complete or not there at all."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    libs = cache_dir() / f"kafka-{digest}"
    with _locked(cache_dir() / "kafka.lock"):
        if libs.is_dir():
            return libs
        work = cache_dir() / f"kafka-{digest}.part"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        command = [
            "mvn", "-B", "-q", "-f", str(POM),
            f"-Dmaven.repo.local={work / 'repo'}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={work / 'libs'}",
            "-DincludeScope=runtime",
        ]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        if result.returncode != 0:
            raise RuntimeError(f"cannot fetch the broker's jars:\n{result.stdout}{result.stderr}")
        (work / "libs").rename(libs)
        shutil.rmtree(work)
    return libs
