"""
test_image - the image of the Dockerfile: what it says of itself, and run as a container would run it

No engine is needed: scripts/image builds it by buildah in a chroot, and what it built is run in namespaces of its own, as
user 10001, on a read-only root without a shell, as PID 1.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from scenario.harness import ROOT
from support import elf

from .conftest import made
from .root import contained

pytestmark = pytest.mark.timeout(2400)
VERSIONS = ["12", pytest.param("13", marks=pytest.mark.slow)]


class Image:
    def __init__(self, version):
        self.version = version
        self.place = made("image", version)
        self.config = json.loads(self.run("inspect", "--type", "image", "localhost/onced"))["Docker"]["config"]
        self.container = self.run("from", "localhost/onced")
        self.root = pathlib.Path(self.run("mount", self.container))

    def run(self, *arguments):
        command = ["buildah", "--storage-driver", "vfs", "--root", str(self.place / "store"), "--runroot",
                   str(self.place / "run"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def size(self, name):
        return self.run("images", "--format", "{{.Size}}", name)

    def close(self):
        self.run("rm", self.container)


@pytest.fixture(scope="module", params=VERSIONS)
def image(request):
    opened = Image(request.param)
    yield opened
    opened.close()


def test_what_the_image_says_of_itself(image, capsys):
    said = image.config
    assert said["User"] == "10001:10001" and said["StopSignal"] == "SIGTERM"
    assert said["Entrypoint"] == ["/usr/sbin/onced"] and said["Cmd"] == ["-c", "/etc/onced/onced.ini"]
    assert said["Volumes"] == {"/var/lib/onced": {}} and list(said["ExposedPorts"]) == ["9464/tcp"]
    assert said["Healthcheck"]["Test"] == ["CMD", "/usr/bin/oncectl", "probe"]
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in said["Labels"].items()}
    program = subprocess.run(["chroot", str(image.root), "/usr/sbin/onced", "--version"], capture_output=True, text=True)
    assert labels["title"] == "onced" and labels["licenses"] == "Apache-2.0" and labels["description"]
    assert labels["revision"] == revision.stdout.strip()
    assert program.stdout.split()[:2] == ["onced", labels["version"]]
    with capsys.disabled():
        print(f"\nimage on Debian {image.version}: {image.size('localhost/onced')}, of which the base is "
              f"{image.size('localhost/debian')}")


def test_the_image_has_nothing_but_what_it_needs(image):
    root = image.root
    for tool in ("gcc", "cc", "meson", "ninja", "ld"):
        assert not (root / "usr/bin" / tool).exists(), tool
    assert not list(root.glob("usr/include/*.h")) and not list(root.glob("var/lib/apt/lists/*_Packages"))
    assert (root / "etc/ssl/certs/ca-certificates.crt").exists()
    programs = [root / "usr/sbin/onced", root / "usr/bin/oncectl"]
    assert not [fault for path in programs for fault in elf.faults(path)]
    places = {name: (root / name).stat() for name in ("etc/onced", "var/lib/onced", "run/onced")}
    assert {name: (f"{status.st_mode & 0o777:o}", status.st_uid, status.st_gid) for name, status in places.items()} == {
        "etc/onced": ("750", 0, 10001), "var/lib/onced": ("700", 10001, 10001), "run/onced": ("755", 10001, 10001)}


def fields_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def options_of(pid, mount_point):
    """Of what is mounted there, as the process sees it."""
    mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return [words[5].split(",") for words in mounts if words[4] == mount_point][-1]


def test_the_image_runs_confined_and_drains(image, world):
    """A broker and a database outside; nothing writable but what is mounted, no shell, PID 1."""
    world.create_topics(partitions=2)
    # The places are those it has by default.
    onced = world.onced({"onced": {"control.socket": None, "state.dir": None}})
    onced.prefix = contained(image.root, onced.directory)
    onced.program = image.config["Entrypoint"][0]
    onced.socket = onced.directory / "run" / "control.sock"
    onced.directory.joinpath("run").mkdir()
    onced.directory.joinpath("lib").mkdir()
    onced.prepare = lambda: subprocess.run(["chown", "-R", "10001:10001", str(onced.directory)], check=True)
    onced.start()
    inside = pathlib.Path(f"/proc/{onced.pid}/root")
    fields = fields_of(onced.pid)
    assert fields["Uid"].split() == ["10001"] * 4 and fields["NSpid"].split()[-1] == "1"
    assert int(fields["CapEff"], 16) == 0 and fields["NoNewPrivs"] == "1" and fields["Groups"].strip() == ""
    assert "ro" in options_of(onced.pid, "/") and "rw" in options_of(onced.pid, "/var/lib/onced")
    assert (inside / "bin/sh").resolve().exists() and not (inside / "usr/bin/dash").is_file(), "there is no shell"
    world.produce_stream(500)
    world.wait_finished(onced)
    kind, *probe = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    beside = ["nsenter", "-t", str(onced.pid), "--mount", "--pid", "--root", "--wd=/", "-S", "10001", "-G", "10001"]
    assert subprocess.run([*beside, *probe], capture_output=True).returncode == 0
    onced.stop()
    gone = subprocess.run(["chroot", "--userspec=10001:10001", str(image.root), *probe], capture_output=True)
    assert gone.returncode != 0, "healthy without a daemon"
    assert not os.path.ismount(image.root / "proc"), "its mounts are its own"
    shutil.rmtree(str(image.root) + str(onced.directory))
    world.check_finished()
