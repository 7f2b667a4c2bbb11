"""
machines - what a host runs out of, and a clock that jumps
"""

import os
import pathlib
import resource
import signal

from scenario.harness import is_sanitized
from support.process import send_signal, wait_for

from ..modes import MODES
from . import Fault, NobodyThere, fault


class _Machine(Fault):
    target = "host"


def limit(pid, what, soft):
    """Its soft limit; None takes it back to the hard one."""
    try:
        _, hard = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (hard if soft is None else soft, hard))
    except ProcessLookupError:
        pass


class _Limit(_Machine):
    """A resource of one process, whose soft limit is set to what it has, or less, for a while."""

    what = None
    pid = None

    def limit(self, pid, soft):
        self.pid = pid
        limit(pid, self.what, soft)

    def end(self):
        if self.pid:
            limit(self.pid, self.what, None)


@fault
class OutOfMemory(_Limit):
    """The next larger allocation of a worker fails: it ends itself, and says so."""

    name = "out of memory"
    length = (1.0, 4.0)
    what = resource.RLIMIT_AS

    @classmethod
    def unfit(cls, options):
        # Where a plugin is in the process it is suspected, and its record with it.
        return "a plugin in the process would be suspected" if MODES[options.mode].has_plugin else ""

    @classmethod
    def lacks(cls, _stage):
        return "a sanitizer needs all addresses there are" if is_sanitized() else ""

    def begin(self):
        host, worker = self.pick_worker()
        self.stage.expect_death(worker, host, is_certain=False)
        pages = int(pathlib.Path(f"/proc/{worker['pid']}/statm").read_text().split()[0])
        self.limit(worker["pid"], pages * os.sysconf("SC_PAGE_SIZE") + 65536)


@fault
class KilledForMemory(_Machine):
    """The memory of a host is used up: the kernel kills the largest of its processes, a worker."""

    name = "out of memory (kernel)"
    SECONDS = 2.0  # in which one of them asks for more

    @classmethod
    def unfit(cls, options):
        return OutOfMemory.unfit(options)

    @classmethod
    def lacks(cls, stage):
        return "" if stage.servers.has_groups else "no control group can be made here"

    def begin(self):
        self.pick_host()
        for worker in self.host.workers_now():
            self.stage.expect_death(worker, self.host, is_certain=False)
        before = self.host.memory.kills()
        self.host.memory.close_in()
        try:
            wait_for(lambda: self.host.memory.kills() > before, self.SECONDS, "a kill", every=0.002)
        except TimeoutError:
            raise NobodyThere("nobody asked for more") from None
        finally:
            self.host.memory.open_up()
        self.note += f": {self.host.memory.kills() - before} killed"

    def is_over(self):
        self.host.start_again()
        return True


@fault
class NoDescriptors(_Limit):
    """A worker can open nothing more: what it has lost it cannot connect again."""

    name = "no descriptors (worker)"
    length = (1.0, 6.0)
    what = resource.RLIMIT_NOFILE

    def begin(self):
        host, worker = self.pick_worker()
        self.stage.expect_death(worker, host, is_certain=False)
        self.limit(worker["pid"], 3)
        for door in self.stage.servers.doors.find(host=host.name):
            door.reset()


@fault
class NoDescriptorsToFork(_Limit):
    """A supervisor can open nothing more while one of its workers dies."""

    name = "no descriptors (supervisor)"
    length = (0.5, 3.0)
    what = resource.RLIMIT_NOFILE

    def begin(self):
        host, worker = self.pick_worker()
        self.stage.expect_death(worker, host)
        self.limit(host.pid, 3)
        send_signal(worker["pid"], signal.SIGKILL)


@fault
class ClockJump(_Machine):
    """The wall clock of a host jumps by minutes or days, and back; the monotonic one does not."""

    name = "clock jump"
    length = (1.0, 6.0)

    @classmethod
    def unfit(cls, options):
        return "" if options.is_clocked else "the hosts have the clock of the machine"

    def begin(self):
        self.pick_host()
        seconds = self.chance.choice((-7200, -90, -5, 5, 90, 7200, 86400 * 10))
        self.note += f": {seconds:+d} s"
        self.host.clock.set_ahead(seconds)

    def end(self):
        self.host.clock.set_ahead(0)
