"""
faults - the table of what is done to a run

A fault is a small class: `begin()` does it, `end()` takes it back, `is_over()` says whether what was hit is
there again. It is told what to hit by a seeded chance, and says in `note` what it hit. `target` names what it
needs to itself: two faults of one target never overlap.
"""

import dataclasses


class NobodyThere(Exception):
    """What a fault would hit is not there just now: it does nothing, and has nothing to take back."""


@dataclasses.dataclass
class Fault:
    """One occurrence. Subclasses have name, target, length (seconds, from and to), aftermath and weight."""

    stage: object
    chance: object
    note: str = ""
    hits: bool = False  # it met work in hand

    name = ""
    target = ""
    length = (0.0, 0.0)
    aftermath = 0.2  # seconds until what it hit may be hit again
    weight = 1

    @classmethod
    def unfit(cls, _options):
        """Why a round with these options cannot have it, "" where it can."""
        return ""

    @classmethod
    def lacks(cls, _stage):
        """What this machine or build does not have for it, "" where it has: drawn, it is left out."""
        return ""

    def strike(self):
        self.hits = self.stage.has_work()
        self.begin()

    def begin(self):
        raise NotImplementedError

    def end(self):
        pass

    def is_over(self):
        return True

    # ---- what many of them hit ----

    def hosts(self):
        return [host for host in self.stage.hosts if host.is_reachable()]

    def pick_host(self):
        hosts = self.hosts()
        if not hosts:
            raise NobodyThere("no host can be reached")
        self.host = self.chance.choice(hosts)
        self.note = f"host {self.host.name}"
        self.hits = bool(self.host.busy_slots())
        return self.host

    def pick_worker(self):
        """(host, worker)"""
        workers = [(host, worker) for host in self.hosts() for worker in host.workers_now()]
        if not workers:
            raise NobodyThere("no worker can be reached")
        host, worker = self.chance.choice(workers)
        self.note = f"{host.name}/{worker['slot']} pid {worker['pid']}"
        self.hits = worker["in_flight"] > 0
        return host, worker


TABLE = {}


def fault(cls):
    assert cls.name not in TABLE
    TABLE[cls.name] = cls
    return cls


def load():
    """The table, with every module of this package read."""
    import importlib
    import pathlib

    for path in sorted(pathlib.Path(__file__).parent.glob("[a-z]*.py")):
        importlib.import_module(f"{__name__}.{path.stem}")
    return TABLE
