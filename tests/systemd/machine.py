"""
machine - a private systemd as PID 1, with onced installed as `meson install` does it

systemd-nspawn boots the host's own /usr over an otherwise empty root, in namespaces of its own but with
the host's network, so that the broker on 127.0.0.1 is there. What `meson install` puts below its prefix is
mounted read-only as /usr/local; everything else is gone with the machine. Needs root.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import uuid

import pytest
from scenario.harness import BUILD, slowness
from support.cache import scratch_dir
from support.process import die_with_parent, is_alive, send_signal, wait_for

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}


class NoMachine(Exception):
    """Why there can be none here."""


def install(directory):
    """The prefix that `meson install` filled."""
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"], check=True,
                   env={**os.environ, "DESTDIR": str(directory)}, stdout=subprocess.DEVNULL)
    return directory / "usr" / "local"


def look_for_namespaces():
    """What boots it needs, tried with as little: where that works and the boot fails, something is wrong."""
    if os.geteuid() != 0:
        raise NoMachine("only root can boot one")
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--mount-proc",
         "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise NoMachine(f"no namespaces here: {tried.stderr.strip()}")


class Machine:
    def __init__(self):
        look_for_namespaces()
        self.directory = scratch_dir("machine")
        self.prefix = install(self.directory / "stage")
        self.name = "onced-" + uuid.uuid4().hex[:8]
        self.log = self.directory / "boot.log"
        self.process = None
        self.init = None

    # ---- life ----

    def boot(self):
        command = [
            "systemd-nspawn", "--directory=/", "--volatile=yes", f"--machine={self.name}", "--register=no",
            "--keep-unit", "--boot", "--console=pipe", f"--bind-ro={self.prefix}:/usr/local",
            "systemd.unit=basic.target"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)
        try:
            wait_for(self._is_up, 60 * slowness(), "systemd is up")
        except TimeoutError as error:
            raise RuntimeError(f"{error}: {self.log.read_text(errors='replace')[-800:]}") from None
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"systemd-nspawn ended: {self.log.read_text(errors='replace')[-800:]}")
        try:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        self.init = int(children.split()[0]) if children.split() else None
        if self.init is None:
            return False
        # "degraded" by what this root has not got (a first boot's wizard) is as good.
        said = self.run("systemctl", "is-system-running", check=False)
        return said.stdout.strip() in ("running", "degraded")

    def close(self):
        if self.process is not None and self.process.poll() is None:
            if self.init:
                self.run("systemctl", "poweroff", check=False)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                # The whole namespace ends with its PID 1.
                send_signal(self.init or self.process.pid, signal.SIGKILL)
                self.process.wait(20)
        if os.environ.get("ONCED_KEEP") != "1":
            shutil.rmtree(self.directory, ignore_errors=True)

    # ---- inside ----

    def _enter(self, command):
        return ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-n", "-C", *map(str, command)]

    def begin(self, *command):
        """A command beside PID 1, not waited for."""
        return subprocess.Popen(self._enter(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env=ENVIRONMENT, preexec_fn=die_with_parent)

    def run(self, *command, check=True, seconds=60):
        """The same to its end, with its words."""
        done = subprocess.run(self._enter(command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=seconds * slowness(), env=ENVIRONMENT)
        if check and done.returncode != 0:
            raise AssertionError(f"{shlex.join(map(str, command))} ended with {done.returncode}\n{done.stdout}"
                                 f"{done.stderr}\n{self.journal_text()}")
        return done

    def path(self, inside):
        """The same file, seen from here."""
        return pathlib.Path(f"/proc/{self.init}/root") / str(inside).lstrip("/")

    def write(self, inside, text, mode=0o644, owner=None):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        if owner:
            self.run("chown", owner, inside)

    def remove(self, inside):
        self.path(inside).unlink(missing_ok=True)

    def show(self, unit, *names):
        """Properties of a unit."""
        said = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names)).stdout
        shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return shown[names[0]] if len(names) == 1 else shown

    def journal(self, *arguments):
        """Entries of the journal, oldest first, as dictionaries."""
        self.run("journalctl", "--sync")
        said = self.run("journalctl", "--output=json", "--all", *arguments, check=False).stdout
        return [json.loads(line) for line in said.splitlines()]

    def journal_text(self, lines=60):
        try:
            return self.run("journalctl", "--no-pager", f"--lines={lines}", check=False).stdout
        except subprocess.TimeoutExpired:
            return "(no journal)"

    def message_id(self, name):
        """What the catalog, as it is installed, calls a line."""
        text = self.path("/usr/local/lib/systemd/catalog/onced.catalog").read_text()
        return re.search(rf"^# {name}\n-- (\w+)$", text, re.MULTILINE).group(1)

    def outside_pid(self, pid):
        """What the host calls this process of the machine."""
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    text = pathlib.Path(f"/proc/{entry}/status").read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                [numbers] = [line.split()[1:] for line in text.splitlines() if line.startswith("NSpid:")] or [[]]
                if len(numbers) > 1 and numbers[-1] == str(pid) and self._is_inside(entry):
                    return int(entry)
        raise AssertionError(f"no process {pid} in the machine")

    def _is_inside(self, pid):
        def space(of):
            return os.readlink(f"/proc/{of}/ns/pid")
        try:
            return space(pid) == space(self.init)
        except (FileNotFoundError, ProcessLookupError):
            return False

    def is_alive(self, pid):
        try:
            return is_alive(self.outside_pid(pid))
        except AssertionError:
            return False


def machine_or_skip():
    """To be booted; or the test is skipped with the reason why there can be none."""
    try:
        return Machine()
    except NoMachine as error:
        pytest.skip(f"no private systemd: {error}")
