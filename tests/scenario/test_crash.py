"""
test_crash - a plugin that kills its worker costs the record that did it, and no other

support/plugins/misbehave.c does what the event says. What must hold: after quarantine.after deaths
alone that record, and no other, is a dead letter; the rest is applied exactly once.
"""

import os
import pathlib
import re
import signal
import time

import pytest

from support.process import send_signal

from . import checker
from .harness import BUILD, is_sanitized

PLUGIN = BUILD / "tests" / "support" / "plugins" / "misbehave.so"
LANES = 3
PARTITIONS = 4

# What the event says: the dead letter's reason, code, and the words about the death. One for each
# way from a death to its name: a fault; a signal of one's own; both with no stack left, or a broken
# one; an end of the process by the library and without it, also with a status that is one of ours.
KILLERS = {
    "segfault": ("crash", "SIGSEGV", "signal 11"),
    "abort": ("crash", "SIGABRT", "signal 6"),
    "exit:3": ("crash", "exit-3", "status 3"),
    "_exit:0": ("crash", "exit-0", "status 0"),
    "smash": ("crash", "SIGABRT", "signal 6"),
    "recurse": ("crash", "SIGSEGV", "signal 11"),
    "spin": ("timeout", "timeout", "timeout"),
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


def test_record_that_kills_is_dead_lettered_and_no_other(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 40, "before")
    world.produce_event("killer", key=b"the killer", partition=1, fault="segfault")
    produce_innocents(world, 40, "after")
    world.kafka.flush()
    onced = start(world)
    world.wait_finished(onced)
    shown = onced.metrics()
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["killer"],
              {f"{when}-{n}" for when in ("before", "after") for n in range(40)})
    check_letter(evidence.dead_letters[0], "killer", "segfault")
    # once in company, twice alone
    assert 2 <= shown.sum("onced_worker_exits_total", cause="crashed") <= 3
    assert shown.sum("onced_dead_letters_total", reason="crash") == 1


def test_a_batch_that_dies_is_worked_alone_and_only_the_killer_is_dead_lettered(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 60, "before")
    world.produce_event("killer", key=b"the killer", partition=1, fault="segfault")
    world.produce_event("hanger", key=b"the hanger", partition=2, fault="spin")
    produce_innocents(world, 60, "after")
    world.kafka.flush()
    plugin = PLUGIN.parent / "misbehave_batch.so"
    onced = start(world, {"handler effect": {"path": plugin}})
    world.wait_finished(onced)
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["killer", "hanger"],
              {f"{when}-{n}" for when in ("before", "after") for n in range(60)})
    for letter in evidence.dead_letters:
        kind = {"killer": "segfault", "hanger": "spin"}[checker.event_id_of_dead_letter(letter)]
        check_letter(letter, checker.event_id_of_dead_letter(letter), kind)


def test_killers_of_all_kinds_are_told_apart_among_innocents_in_hand(world):
    world.create_topics(partitions=PARTITIONS)
    for n in range(LANES * 4):
        # in hand of all lanes when it happens
        world.produce_event(f"slow-{n}", n, key=f"s{n}".encode(), partition=n % PARTITIONS, fault="sleep:0.05")
    kinds = {f"killer {kind}": kind for kind in KILLERS}
    for n, (event_id, kind) in enumerate(kinds.items()):
        world.produce_event(event_id, key=event_id.encode(), partition=n % PARTITIONS, fault=kind)
    produce_innocents(world, 60)
    world.kafka.flush()
    onced = start(world, **{"batch.max": 5})
    world.wait_finished(onced)
    shown = onced.metrics()
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, kinds, {f"slow-{n}" for n in range(LANES * 4)} | {f"ok-{n}" for n in range(60)})
    for letter in evidence.dead_letters:
        event_id = checker.event_id_of_dead_letter(letter)
        check_letter(letter, event_id, kinds[event_id])
    assert shown.sum("onced_worker_exits_total", cause="timeout") >= 2


def test_killer_whose_effects_are_elsewhere_is_dead_lettered_and_no_other(world):
    world.create_topics(partitions=PARTITIONS)
    for n in range(LANES * 4):
        world.produce_event(f"slow-{n}", n, key=f"s{n}".encode(), partition=n % PARTITIONS, fault="sleep:50")
    world.produce_event("killer", key=b"the killer", partition=1, fault="abort")
    produce_innocents(world, 40)
    world.kafka.flush()
    file = world.directory / "effects"
    onced = world.start({
        "handler effect": {"type": "plugin", "statement": None, "path": PLUGIN.parent / "outside.so",
                           "file": file},
        "consumer c": {"lanes": LANES, "ordering": "key"},
    })
    world.wait_finished(onced)
    shown = onced.metrics()
    onced.assert_accounted()
    onced.stop()
    letters = world.evidence().dead_letters
    check_letter(letters[0], "killer", "abort")
    assert {checker.event_id_of_dead_letter(letter) for letter in letters} == {"killer"}
    made = {line.split()[0] for line in file.read_text().splitlines()}
    assert made == {f"slow-{n}" for n in range(LANES * 4)} | {f"ok-{n}" for n in range(40)}
    assert 2 <= shown.sum("onced_worker_exits_total", cause="crashed") <= 3


def test_other_partitions_go_on_while_one_has_a_killer(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, PARTITIONS)
    world.kafka.flush()
    onced = start(world)
    world.wait_finished(onced)
    world.produce_event("killer", key=b"the killer", partition=1, fault="spin")
    world.kafka.flush()
    onced.wait_until(lambda: any(lane["stage"] == "handler" for worker in onced.workers()
                                 for lane in worker.get("lanes", [])), 20, "the killer is in hand")
    began = time.monotonic()
    for n in range(30):
        world.produce_event(f"beside-{n}", n, key=f"b{n}".encode(), partition=2 * (n % 2))
    world.kafka.flush()
    world.wait_effects(PARTITIONS + 30)
    took = time.monotonic() - began
    # none of them waits for more than the killer's timeouts and the restarts behind them
    assert took < 60
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["killer"],
              {f"ok-{n}" for n in range(PARTITIONS)} | {f"beside-{n}" for n in range(30)})


def test_counts_of_deaths_survive_the_supervisor(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 20)
    world.produce_event("killer", key=b"the killer", partition=1, fault="spin")
    world.kafka.flush()
    onced = start(world)
    state = onced.directory / "state" / "quarantine-c"
    onced.wait_until(lambda: state.exists() and re.search(r"^suspect timeout \d+ 1 ", state.read_text()),
                     30, "one death alone is written down")
    onced.terminate(signal.SIGKILL)
    onced.wait_exit()
    onced.start()
    onced.wait_metric(1, "onced_dead_letters_total", reason="timeout")
    onced.wait_until(lambda: not state.exists(), 20, "what is settled is forgotten")
    shown = onced.metrics()
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["killer"], {f"ok-{n}" for n in range(20)})
    assert shown.sum("onced_worker_exits_total", cause="timeout") == 1


def test_stop_in_the_middle_of_a_crash_loop_drains_and_counts_no_death(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 20)
    world.produce_event("killer", key=b"the killer", partition=1, fault="segfault")
    world.kafka.flush()
    onced = start(world, **{"quarantine.after": 1000})
    onced.wait_until(lambda: onced.metrics().sum("onced_worker_exits_total", cause="crashed") >= 3, 30,
                     "three deaths")
    onced.terminate()
    assert onced.wait_exit() in (0, 1)
    onced.check_remains()
    world.check_always("key")
    assert world.dead_letters() == []


def test_kill_from_outside_condemns_nobody(world):
    world.create_topics(partitions=1)
    world.produce_event("slow", key=b"k", fault="sleep:0.7")
    world.kafka.flush()
    onced = start(world, **{"quarantine.after": 1})
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGKILL):
        pid = None

        def is_in_hand():
            nonlocal pid
            [worker] = onced.workers()
            pid = worker["pid"]
            return pid and any(lane["stage"] == "handler" for lane in worker.get("lanes", []))
        onced.wait_until(is_in_hand, 20, "the record is in hand")
        send_signal(pid, number)
        onced.wait_worker_exit(pid)
    evidence = world.finish(onced)
    assert evidence.dead_letters == [] and evidence.effect_ids == {"slow"}


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's heap is not broken in this way")
def test_broken_heap_that_others_run_into_ends_and_loses_nothing(world):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 30, "before")
    world.produce_event("breaker", key=b"x", partition=1, fault="corrupt")
    produce_innocents(world, 30, "after")
    world.kafka.flush()
    onced = start(world)
    evidence = world.finish(onced, ordering="key")
    innocents = {f"{when}-{n}" for when in ("before", "after") for n in range(30)}
    assert innocents <= evidence.effect_ids | {checker.event_id_of_dead_letter(l) for l in evidence.dead_letters}
    assert {checker.event_id_of_dead_letter(letter) for letter in evidence.dead_letters} <= {"breaker"}


MEMORY_GROUPS = pathlib.Path("/sys/fs/cgroup/memory")


@pytest.fixture
def memory_group():
    """A control group (version 1) of 400 MiB; its processes are the test's."""
    path = MEMORY_GROUPS / f"onced-{os.getpid()}"
    try:
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(str(400 << 20))
    except OSError as error:
        pytest.skip(f"no control group to bound memory in: {error}")
    yield path
    deadline = time.monotonic() + 10
    while True:
        try:
            path.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer reserves more memory than the group may have")
def test_record_that_takes_all_memory_is_dead_lettered(world, memory_group):
    world.create_topics(partitions=PARTITIONS)
    produce_innocents(world, 20, "before")
    world.produce_event("glutton", key=b"x", partition=1, fault="alloc")
    produce_innocents(world, 20, "after")
    world.kafka.flush()
    onced = world.onced(changes())
    own = (memory_group / "cgroup.procs")
    onced.prepare = lambda: own.write_text(str(os.getpid()))
    onced.start()
    evidence = world.finish(onced, ordering="key")
    check_end(evidence, ["glutton"], {f"{when}-{n}" for when in ("before", "after") for n in range(20)})
    [letter] = evidence.dead_letters
    assert (reason(letter), letter.header("onced-code")) == ("crash", b"SIGKILL")
    assert "out of memory" in letter.header("onced-error").decode()


def test_handler_longer_than_the_poll_interval_keeps_its_membership(world):
    world.create_topics(partitions=2)
    world.produce_event("long", key=b"k", partition=0, fault="sleep:8")
    for n in range(5):
        world.produce_event(f"behind-{n}", n, key=b"k", partition=0)
    world.kafka.flush()
    onced = start(world, {"kafka": {"max.poll.interval.ms": 6000, "session.timeout.ms": 6000},
                          "handler effect": {"timeout": "20s"}})
    world.wait_finished(onced)
    shown = onced.metrics()
    evidence = world.finish(onced)
    assert len(evidence.effect_ids) == 6 and evidence.dead_letters == []
    assert shown.sum("onced_rebalances_total") == 1


def test_worker_that_did_enough_is_replaced_without_a_rebalance(world):
    world.create_topics(partitions=2)
    onced = world.start({"onced": {"worker.max.records": 40}, "consumer c": {"workers": 2}})
    onced.wait_assigned(2)
    before = onced.metrics().sum("onced_rebalances_total")
    for n in range(100):
        world.produce_event(f"e-{n}", n, partition=n % 2)
    world.kafka.flush()
    onced.wait_metric(2, "onced_worker_exits_total", cause="recycled")
    world.wait_finished(onced)
    onced.wait_ready()
    onced.wait_assigned(2)
    shown = onced.metrics()
    restarts = sum(worker["restarts"] for worker in onced.workers())
    evidence = world.finish(onced)
    assert len(evidence.effect_ids) == 100 and evidence.dead_letters == []
    assert restarts == shown.sum("onced_worker_exits_total", cause="recycled") == 2
    # each new process is told what it has, and nobody else is
    assert shown.sum("onced_rebalances_total") - before == restarts


def test_a_plugin_that_lacks_a_thread_when_it_opens_is_tried_again(world):
    # Nothing is wrong with the configuration: neither the check at the start nor a worker ends the daemon for it.
    world.create_topics()
    world.produce_event("one", 1)
    world.kafka.flush()
    lack = world.directory / "lack"
    lack.touch()
    merged = changes()
    merged["handler effect"]["lack"] = lack
    onced = world.onced(merged).start(wait=False)
    onced.wait_until(lambda: onced.metrics().sum("onced_worker_exits_total", cause="failed") >= 1, 60,
                     "it could not open")
    assert onced.metrics().sum("onced_worker_exits_total", cause="config") == 0
    lack.unlink()
    onced.wait_ready(60)
    world.finish(onced)
    assert world.effect_count() == 1
