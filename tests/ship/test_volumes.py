"""
test_volumes - onced on directories and secrets as the kubelet makes them, under the user of the manifests

An emptyDir belongs to root and the pod's group and anybody may write to it; a secret is a link to a link to a file that
only root and the group may read; a killed container leaves its files to the next one.
"""

import os
import shutil

import pytest
from scenario.harness import BUILD, merge, write_ini
from support.postgres_server import PASSWORD

from . import kustomization
from .kustomization import DIRECTORY, container, workload


@pytest.fixture
def user():
    """Of the manifests."""
    context = workload(kustomization.build(DIRECTORY / "base"))["spec"]["template"]["spec"]["securityContext"]
    return context["runAsUser"], context["runAsGroup"], context["fsGroup"]


def empty_dir(path, group):
    path.mkdir()
    os.chown(path, 0, group)
    path.chmod(0o2777)


def secret(directory, name, value, group):
    """As a volume of a Secret with defaultMode 0440 is written."""
    real = directory / "..2026_01_01_00_00_00.1"
    real.mkdir(parents=True)
    (real / name).write_text(value)
    os.chown(real / name, 0, group)
    (real / name).chmod(0o440)
    (directory / "..data").symlink_to(real.name)
    (directory / name).symlink_to(f"..data/{name}")
    return directory / name


@pytest.fixture
def confined(world, user):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    uid, gid, group = user
    world.create_topics(partitions=2)
    onced = world.onced()
    for name in ("run", "state"):
        empty_dir(onced.directory / name, group)
    # The build may lie where that user may not go.
    onced.program = str(shutil.copy(BUILD / "onced", onced.directory / "program"))
    password = secret(onced.directory / "secrets", "store-password", PASSWORD + "\n", group)
    onced.socket = onced.directory / "run" / "control.sock"
    onced.sections = merge(onced.sections, {"onced": {
        "store.password": f"@{password}", "control.socket": onced.socket, "state.dir": onced.directory / "state"}})
    onced.write_config = lambda: onced.config.write_text(write_ini(onced.sections))

    def become():
        os.setgroups([group])
        os.setgid(gid)
        os.setuid(uid)
    onced.prepare = become
    return onced


def test_it_works_on_what_the_kubelet_makes(world, confined, user):
    confined.start()
    assert os.stat(f"/proc/{confined.pid}").st_uid == user[0]
    world.produce_stream(200)
    world.wait_finished(confined)
    confined.kill_everything()
    assert confined.socket.exists() and any((confined.directory / "state").iterdir()), "left for the next container"
    confined.start()
    world.produce_stream(200)
    world.finish(confined)


def test_the_mounts_are_those(user):
    """What the other test makes is what the manifests ask for."""
    objects = kustomization.build(DIRECTORY / "base")
    volumes = {volume["name"]: volume for volume in workload(objects)["spec"]["template"]["spec"]["volumes"]}
    places = {mount["mountPath"]: volumes[mount["name"]] for mount in container(objects)["volumeMounts"]}
    assert {at for at, volume in places.items() if "emptyDir" in volume} == {"/run/onced", "/var/lib/onced"}
    assert places["/etc/onced/secrets"]["secret"]["defaultMode"] == 0o440
    assert user[2] == user[1], "the group that may read the secrets is the user's"
