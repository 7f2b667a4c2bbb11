"""
test_image - the Dockerfile: linted, built on a bare Debian by buildah, and run as a container would run it

No engine is needed: buildah builds in a chroot, and what it built is run in namespaces of its own, as user 10001, on a
read-only root without a shell, as PID 1. That takes minutes: part of --full.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from scenario.harness import ROOT
from support.cache import scratch_dir

from .root import base_tar, contained


def test_the_dockerfile_is_clean():
    hadolint = pathlib.Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), "--config", str(ROOT / ".hadolint.yaml"), str(ROOT / "Dockerfile")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Builder:
    """Images in a store of their own."""

    def __init__(self):
        self.directory = scratch_dir("image")

    def run(self, *arguments):
        command = ["buildah", "--root", str(self.directory / "store"), "--runroot", str(self.directory / "run"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={**os.environ, "STORAGE_DRIVER": "vfs"})
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def build(self, version):
        base = self.directory / f"base-{version}"
        base.mkdir()
        os.link(base_tar(version), base / "base.tar") if _same_device(base, base_tar(version)) else shutil.copy(
            base_tar(version), base / "base.tar")
        (base / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        self.run("bud", "--isolation", "chroot", "-t", f"localhost/debian:{version}", str(base))
        self.run("bud", "--isolation", "chroot", "--format", "docker", "-t", f"localhost/onced:{version}",
                 "--build-arg", f"BASE=localhost/debian:{version}", "--build-arg", "REVISION=tested", str(ROOT))
        return f"localhost/onced:{version}"

    def size(self, image):
        return self.run("images", "--format", "{{.Size}}", image)

    def mount(self, image):
        return pathlib.Path(self.run("mount", self.run("from", image)))

    def close(self):
        subprocess.run(["buildah", "--root", str(self.directory / "store"), "--runroot", str(self.directory / "run"),
                        "umount", "--all"], capture_output=True, env={**os.environ, "STORAGE_DRIVER": "vfs"})
        shutil.rmtree(self.directory, ignore_errors=True)


def _same_device(one, other):
    return os.stat(one).st_dev == os.stat(other).st_dev


@pytest.fixture(scope="module", params=["12", "13"])
def built(request, as_root):
    builder = Builder()
    try:
        image = builder.build(request.param)
        yield builder, request.param, image
    finally:
        builder.close()


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_what_the_image_says_of_itself(built, capsys):
    builder, version, image = built
    said = json.loads(builder.run("inspect", "--type", "image", image))["Docker"]["config"]
    assert said["User"] == "10001:10001" and said["StopSignal"] == "SIGTERM"
    assert said["Entrypoint"] == ["/usr/sbin/onced"] and said["Volumes"] == {"/var/lib/onced": {}}
    assert said["Healthcheck"]["Test"] == ["CMD", "/usr/bin/oncectl", "probe"]
    labels = said["Labels"]
    assert labels["org.opencontainers.image.title"] == "onced"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.revision"] == "tested"
    with capsys.disabled():
        print(f"\nimage on Debian {version}: {builder.size(image)}, of which the base is "
              f"{builder.size(f'localhost/debian:{version}')}")


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_image_runs_confined_and_drains(built, world):
    """A broker and a database outside; nothing writable but what is mounted, no shell, PID 1."""
    builder, _, image = built
    root = builder.mount(image)
    world.create_topics(partitions=2)
    onced = world.onced()
    onced.prefix = contained(root, onced.directory)
    onced.program = "/usr/sbin/onced"
    onced.prepare = lambda: subprocess.run(["chown", "-R", "10001:10001", str(onced.directory)], check=True)
    onced.start()
    status = pathlib.Path(f"/proc/{onced.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4 and fields["NSpid"].split()[-1] == "1"
    assert int(fields["CapEff"], 16) == 0 and fields["NoNewPrivs"] == "1" and fields["Groups"].strip() == ""
    world.produce_stream(500)
    world.wait_finished(onced)
    probe = ["nsenter", "-t", str(onced.pid), "--mount", "--pid", "--root", "--wd=/", "-S", "10001", "-G", "10001",
             "/usr/bin/oncectl", "probe", "--socket", str(onced.socket)]
    assert subprocess.run(probe, capture_output=True).returncode == 0
    assert not (root / "usr/bin/gcc").exists() and not list(root.glob("usr/include/rdkafka*"))
    onced.stop()
    assert subprocess.run(["mountpoint", "-q", str(root / "proc")]).returncode != 0, "its mounts are its own"
    world.check_finished()
