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


def made_once(name, make):
    """A directory below the cache, complete or not there at all; `make` fills it where it is missing."""
    made = cache_dir() / name
    with _locked(cache_dir() / f"{name.split('-')[0]}.lock"):
        if not made.is_dir():
            work = cache_dir() / f"{name}.part"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            make(work).rename(made)
            shutil.rmtree(work, ignore_errors=True)
    return made


def download(command, what):
    """A client of a registry; RuntimeError says what it said."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    if result.returncode != 0:
        raise RuntimeError(f"cannot fetch {what}:\n{result.stdout}{result.stderr}")


def kafka_line():
    """The line of Kafka that brokers of this run are of, as X.Y; "" for the usual one."""
    return os.environ.get("ONCED_TEST_KAFKA_LINE", "")


def kafka_libs(line=None):
    """The broker's jars, of the line in use unless another is named: downloaded once per version of the pom."""
    line = kafka_line() if line is None else line
    profile = f"kafka-{line}" if line else ""
    text = POM.read_text()
    if profile and f"<id>{profile}</id>" not in text:
        raise RuntimeError(f"Kafka {line}: {POM} has no profile {profile}")

    def make(work):
        download(["mvn", "-B", "-q", "-f", str(POM), *([f"-P{profile}"] if profile else []),
                  f"-Dmaven.repo.local={work / 'repo'}", "dependency:copy-dependencies",
                  f"-DoutputDirectory={work / 'libs'}", "-DincludeScope=runtime"], "the broker's jars")
        return work / "libs"

    digest = hashlib.sha256((text + profile).encode()).hexdigest()[:12]
    return made_once(f"kafka-{digest}", make)
