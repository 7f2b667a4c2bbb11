"""
elsewhere - a handler whose effects no transaction covers, and what it left

The handler is a plugin of the tests' that writes a line for each effect to a file.
"""

import types

from support.process import wait_for

from .harness import BUILD, merge, slowness

PLUGIN = BUILD / "tests" / "support" / "plugins" / "outside.so"
ROWS = "SELECT count(*) FROM onced.processed_events WHERE outcome = "
DONE, DEAD, RUNNING = 0, 1, 2


def outside(world, changes=None):
    return {**merge({
        "consumer c": {"handler": "outside", "ordering": "key"},
        "handler outside": {"type": "plugin", "path": PLUGIN, "file": world.directory / "effects"},
    }, changes), "handler effect": None}


def effects(world):
    """What the handler did, in the order in which it was through."""
    path = world.directory / "effects"
    lines = path.read_text().splitlines() if path.exists() else []
    names = ("id", "partition", "offset", "attempt", "pid", "began_us", "ended_us")
    return [types.SimpleNamespace(**dict(zip(names, [line.split()[0], *map(int, line.split()[1:])])))
            for line in lines]


def ids(world):
    return [effect.id for effect in effects(world)]


def rows(world, outcome):
    return world.sql(f"{ROWS} {outcome}")[0][0]


def wait_effects(world, count, seconds=30):
    wait_for(lambda: len(effects(world)) >= count, seconds * slowness(), f"{count} effects")


def check_keys_in_order(world, keys):
    """Of one key, no effect begins before that of the record before it is through."""
    last = {}
    for effect in sorted(effects(world), key=lambda e: e.began_us):
        key = keys[effect.id]
        if key in last:
            assert effect.offset > last[key].offset
            assert effect.began_us >= last[key].ended_us
        last[key] = effect


def wait_in_handlers(onced, count):
    """Begun, not only claimed: what was not begun in time goes back."""
    def are_there():
        return count == sum(lane["stage"] == "handler"
                            for worker in onced.workers() for lane in worker.get("lanes", []))
    onced.wait_until(are_there, 20, f"{count} events are in handlers")
