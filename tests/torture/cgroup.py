"""
cgroup - a control group for the processes of one host, whose memory the kernel can find used up

Of version 1 or 2, below the group this program is in. Where none can be made (no right to, or a hierarchy
of version 2 that does not delegate memory) there is none, and the fault that wants one is left out by name.
"""

import os
import pathlib
import re

ROOT = pathlib.Path("/sys/fs/cgroup")


class MemoryGroup:
    def __init__(self, path, is_second):
        self.path = path
        self._limit, self._used, self._events, self._none = (
            ("memory.max", "memory.current", "memory.events", "max") if is_second else
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "-1"))

    def join(self):
        """The calling process, and whom it starts."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def close_in(self):
        """From now on it has as little as the kernel lets it have."""
        used = int((self.path / self._used).read_text())
        for share in (0.5, 0.8, 0.9, 1.0):
            try:
                (self.path / self._limit).write_text(str(int(used * share)))
                return
            except OSError:
                continue  # so much of it cannot be taken back

    def open_up(self):
        (self.path / self._limit).write_text(self._none)

    def kills(self):
        """How often the kernel killed for want of memory."""
        return int(re.search(r"^oom_kill (\d+)$", (self.path / self._events).read_text(), re.M)[1])

    def close(self):
        """When all its processes are gone."""
        try:
            self.path.rmdir()
        except OSError:
            pass  # one is dying still; an empty group does no harm


def _own_groups():
    """[(directory, is_second)]"""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield ROOT / path.lstrip("/"), True
        elif "memory" in controllers.split(","):
            yield ROOT / "memory" / path.lstrip("/"), False


def make(name):
    """A MemoryGroup of that name, or None where there can be none."""
    for directory, is_second in _own_groups():
        group = MemoryGroup(directory / name, is_second)
        try:
            group.path.mkdir()
        except OSError:
            continue
        try:
            group.open_up()
            group.kills()
            return group
        except (OSError, TypeError):
            group.close()
    return None


def is_possible():
    group = make(f"torture-probe-{os.getpid()}")
    if group:
        group.close()
    return group is not None
