"""
test_crash - a plugin that kills its worker costs the record that did it, and no other

support/plugins/misbehave.c does what the event says. What must hold: after quarantine.after deaths
alone that record, and no other, is a dead letter; the rest is applied exactly once.
"""

import re

import pytest

from . import checker
from .harness import BUILD

PLUGIN = BUILD / "tests" / "support" / "plugins" / "misbehave.so"
LANES = 3
PARTITIONS = 4

# What the event says: the dead letter's reason, code, and the words about the death.
KILLERS = {
    "segfault": ("crash", "SIGSEGV", "signal 11"),
    "abort": ("crash", "SIGABRT", "signal 6"),
    "trap": ("crash", "SIGILL", "signal 4"),
    "exit:3": ("crash", "exit-3", "status 3"),
    "_exit:0": ("crash", "exit-0", "status 0"),
    "smash": ("crash", "SIGABRT", "signal 6"),
    "recurse": ("crash", "SIGSEGV", "signal 11"),
    "spin": ("timeout", "timeout", "timeout"),
    "deadlock": ("timeout", "timeout", "timeout"),
}


def changes(**consumer):
    return {
        "handler effect": {"type": "plugin", "statement": None, "path": PLUGIN, "timeout": "1s"},
        "consumer c": {"lanes": LANES, "ordering": "key", **consumer},
    }


def start(world, more=None, **consumer):
    merged = changes(**consumer)
    for section, keys in (more or {}).items():
        merged.setdefault(section, {}).update(keys)
    # what a handler leaves behind when it exits in the middle is no leak of ours
    return world.start(merged, env={"LSAN_OPTIONS": "detect_leaks=0"})


def produce_innocents(world, count, prefix="ok"):
    for n in range(count):
        world.produce_event(f"{prefix}-{n}", n, key=f"k{n}".encode(), partition=n % PARTITIONS)


def reason(letter):
    return letter.header("onced-reason").decode()


def check_letter(letter, event_id, kind, after=2):
    want, code, words = KILLERS[kind]
    assert checker.event_id_of_dead_letter(letter) == event_id
    assert reason(letter) == want
    assert letter.header("onced-code").decode() == code
    error = letter.header("onced-error").decode()
    assert words in error, error
    assert re.search(r"build id of the library [0-9a-f]{40}", error), error
    assert f"{after} times alone" in error, error
    assert int(letter.header("onced-attempts")) >= after
    assert letter.header("onced-handler") == b"effect"


def check_end(evidence, killers, innocents):
    """
    The killers and nobody else are dead letters (produced again where a worker died before their
    offset was committed); everybody else took effect once.
    """
    assert {checker.event_id_of_dead_letter(letter) for letter in evidence.dead_letters} == set(killers)
    assert evidence.effect_ids == innocents


@pytest.mark.parametrize("kind", KILLERS)
def test_the_record_that_kills_is_dead_lettered_and_no_other(world, kind):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 40, "before")
    world.produce_event("killer", key=b"the killer", partition=1, fault=kind)
    produce_innocents(world, 40, "after")
    world.kafka.flush()
    onced = start(world)
    world.wait_finished(onced)
    shown = onced.metrics()
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["killer"],
              {f"{when}-{n}" for when in ("before", "after") for n in range(40)})
    check_letter(evidence.dead_letters[0], "killer", kind)
    cause = "timeout" if KILLERS[kind][0] == "timeout" else "crashed"
    # once in company, twice alone
    assert 2 <= shown.sum("onced_worker_exits_total", cause=cause) <= 3
    assert shown.sum("onced_dead_letters_total", reason=KILLERS[kind][0]) == 1
