"""
test_package - the Debian packages: built, installed into a bare root, started by its systemd, upgraded, removed, purged

scripts/package builds them. The root has nothing but what the packages ask for.
"""

import re
import shutil
import subprocess
import uuid

import pytest
from scenario.harness import merge, slowness, write_ini
from support import elf
from support.cache import scratch_dir
from support.process import die_with_parent, wait_for
from systemd.machine import Machine

from .conftest import made
from .root import base_tar

pytestmark = pytest.mark.timeout(2400)
INIT = ("ca-certificates", "systemd", "systemd-sysv")


class Root(Machine):
    """A bare Debian with systemd, in which packages are installed; the network is the host's."""

    def __init__(self, version):
        self.version = version
        self.directory = scratch_dir("root")
        self.root = self.directory / "root"
        self.root.mkdir()
        self.name = "onced-" + uuid.uuid4().hex[:8]  # of a machine: no underscores
        self.log = self.directory / "boot.log"
        self.process = self.init = None
        subprocess.run(["tar", "-C", str(self.root), "--exclude=./dev/*", "-xf", base_tar(version, *INIT)], check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")

    def before_boot(self, *command):
        """A command in the root, with nothing running there."""
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
             'mount --make-rprivate /; mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" "$@"',
             str(self.root), *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def boot(self):
        command = ["systemd-nspawn", f"--directory={self.root}", f"--machine={self.name}", "--register=no", "--keep-unit",
                   "--boot", "--console=pipe", "--resolv-conf=off", "systemd.unit=basic.target"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)
        wait_for(self._is_up, 60 * slowness(), "systemd is up")
        return self


@pytest.fixture(scope="module", params=["12", "13"])
def packages(request):
    """(version, directory with the packages)"""
    return request.param, made("package", request.param)


def deb(directory, name):
    [found] = directory.glob(f"{name}_*.deb")
    return found


def newer(package, directory):
    """The same package with a higher version."""
    unpacked = directory / "newer"
    subprocess.run(["dpkg-deb", "-R", str(package), str(unpacked)], check=True)
    control = unpacked / "DEBIAN" / "control"
    lines = [line + "+upgrade" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    upgrade = directory / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(unpacked), str(upgrade)], check=True, capture_output=True)
    return upgrade


def mode_of(root, path):
    status = (root / path).stat()
    return f"{status.st_mode & 0o777:o}"


def test_lintian_finds_nothing(packages):
    _, directory = packages
    said = (directory / "lintian.txt").read_text()
    assert not re.findall("^[EW]: .*", said, re.MULTILINE)


def test_programs_of_the_package_are_hardened(packages, tmp_path):
    _, directory = packages
    subprocess.run(["dpkg-deb", "-x", str(deb(directory, "onced")), str(tmp_path)], check=True)
    programs = elf.find(tmp_path)
    assert {path.name for path in programs} == {"onced", "oncectl"}
    assert not [fault for path in programs for fault in elf.faults(path)]


@pytest.mark.parametrize("packages", ["13"], indirect=True)
def test_unit_tests_ran_on_a_newer_debian(packages):
    """Against its libraries; on the older one they run with sanitizers anyway."""
    _, directory = packages
    said = (directory / "build.log").read_text(errors="replace")
    assert int(re.search(r"^Ok: +(\d+)", said, re.MULTILINE).group(1)) > 80
    assert re.search(r"^Fail: +0", said, re.MULTILINE)


@pytest.fixture
def root(packages):
    version, directory = packages
    opened = Root(version)
    try:
        for name in ("onced", "onced-dev"):
            shutil.copy(deb(directory, name), opened.root / "tmp" / f"{name}.deb")
        shutil.copy(newer(deb(directory, "onced"), opened.directory), opened.root / "opt" / "newer.deb")
        yield opened
    finally:
        opened.close()


def reload_by_signal(root, sections):
    """systemd sends the signal itself and waits; a file that is refused changes nothing, and fails nothing."""
    config = root.root / "etc/onced/onced.ini"
    assert root.show("onced", "Type") == "notify-reload"
    for value, in_use in (("7", "7"), ("seven", "7")):
        config.write_text(write_ini(merge(sections, {"consumer c": {"batch.max": value}})))
        root.run("systemctl", "reload", "onced")
        assert root.show("onced", "ActiveState") == "active"
        assert f"batch.max = {in_use}" in root.run("oncectl", "show", "config").stdout
    config.write_text(write_ini(sections))


def test_installed_started_upgraded_removed_purged(root, world):
    root.before_boot("apt-get", "-qq", "update")
    root.before_boot("apt-get", "-qq", "install", "-y", "--no-install-recommends", "/tmp/onced.deb", "/tmp/onced-dev.deb")
    files = root.root
    assert mode_of(files, "etc/onced") == "750" and mode_of(files, "etc/onced/onced.ini") == "640"
    assert "onced:" in (files / "etc/passwd").read_text()
    assert not list(files.glob("etc/systemd/system/*.wants/onced*")), "nothing is started unasked"
    assert (files / "usr/include/onced/handler.h").exists() and list(files.glob("usr/lib/*/pkgconfig/onced-handler.pc"))
    for page in ("man8/onced.8.gz", "man1/oncectl.1.gz", "man5/onced.ini.5.gz", "man3/onced-handler.3.gz"):
        assert (files / "usr/share/man" / page).exists(), page
    assert "onced 0." in root.before_boot("onced", "--version")

    world.create_topics(partitions=2)
    world.produce_stream(100)
    sections = world.sections({"onced": {"store": "sqlite:/var/lib/onced/store.db", "store.user": None,
                                         "store.password": None, "store.lock.timeout": None},
                               "handler effect": {"type": "log", "statement": None},
                               "consumer c": {"instance.id": "auto", "lanes": 1}})
    (files / "etc/onced/onced.ini").write_text(write_ini(sections))
    by_signal = root.version != "12"  # its systemd knows it
    if by_signal:
        place = files / "etc/systemd/system/onced.service.d"
        place.mkdir(parents=True)
        shutil.copy(files / "usr/share/doc/onced/systemd/notify-reload.conf", place)
    root.boot()
    [explained] = re.findall("^-- ([0-9a-f]{32})$", (files / "usr/lib/systemd/catalog/onced.catalog").read_text(), re.MULTILINE)[:1]
    assert explained in root.run("journalctl", "--list-catalog").stdout
    root.run("systemctl", "start", "onced")
    assert root.show("onced", "ActiveState") == "active"
    wait_for(lambda: world.lag() == 0, 60 * slowness(), "the records are consumed")
    if by_signal:
        reload_by_signal(root, sections)
    before = root.show("onced", "MainPID")

    root.run("dpkg", "-i", "/opt/newer.deb")
    assert root.show("onced", "ActiveState") == "active"
    assert root.show("onced", "MainPID") != before, "an upgrade restarts it"
    assert "+upgrade" in root.run("dpkg-query", "-W", "-f", "${Version}", "onced").stdout
    assert world.topic in (files / "etc/onced/onced.ini").read_text(), "the configuration is kept"
    world.produce_stream(100, prefix="later")
    wait_for(lambda: world.lag() == 0, 60 * slowness(), "the new version consumes")

    root.run("dpkg", "--remove", "onced")
    assert root.show("onced", "ActiveState") == "inactive" and not (files / "usr/sbin/onced").exists()
    assert (files / "etc/onced/onced.ini").exists() and (files / "var/lib/onced/store.db").exists()

    root.run("dpkg", "--purge", "onced", "onced-dev")
    left = [str(path.relative_to(files)) for pattern in ("etc/onced*", "var/lib/onced*", "usr/share/onced*")
            for path in files.glob(pattern)]
    assert not left
