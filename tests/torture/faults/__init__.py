"""
faults - the table of what is done to a run

A fault is a small class: `begin()` does it, `end()` takes it back, `is_over()` says whether what was hit is
there again. It is told what to hit by a seeded chance, and says in `note` what it hit. `target` names what it
needs to itself: two faults of one target never overlap.
"""

import dataclasses


@dataclasses.dataclass
class Fault:
    """One occurrence. Subclasses have name, target, length (seconds, from and to) and weight."""

    stage: object
    chance: object
    note: str = ""
    hits: bool = False  # it met work in hand

    name = ""
    target = ""
    length = (0.0, 0.0)
    weight = 1

    @classmethod
    def suits(cls, _stage):
        """Whether a run with these servers and this mode can have it."""
        return True

    def begin(self):
        raise NotImplementedError

    def end(self):
        pass

    def is_over(self):
        return True


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
