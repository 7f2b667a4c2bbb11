"""
real_mutants - faults planted into the sources of the real program, each until a round of torture catches it

A mutant is a change of a few lines in a copy of the tree, which is built and tortured in the mode, and with the
faults, that it should not survive. What catches it is the judge of every other run. Needs ONCED_BUILD to
be directory() before anything that reads it is imported: mutants.py sees to that.
"""

import dataclasses
import filecmp
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "build-mutants"
TARGETS = ("onced", "oncectl", "tests/support/plugins/inside.so", "tests/support/plugins/outside.so")
SECONDS = 20  # of a round
ROUNDS = 6  # until a mutant counts as caught by nobody


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    path: str
    old: str  # there once
    new: str
    mode: str = "postgres"
    faults: str = "worker kill"  # of which names; "" none
    is_static: bool = True
    seed: int = 1


MUTANTS = (
    Mutant("offsets are committed when records are taken, not when they are settled",
           "daemon/worker/commit.c",
           "offset = tracker_committable(p->tracker);", "offset = tracker_next(p->tracker);"),
    Mutant("the claim is committed before the effect, in a transaction of its own",
           "daemon/worker/unit.c", 'FAILPOINT("after_claim");',
           "store->commit(unit->session);\n\tstore->flush(unit->session, flight);\n\tstore->begin(unit->session);"),
    Mutant("the effect is made whatever the claim says",
           "daemon/worker/unit_claim.c",
           "work->fate = UNIT_DUPLICATE;\n\t\t} else if (work->claim.verdict == CLAIM_SETTLED_DLQ && work->record->skip)",
           "work->fate = UNIT_OPEN;\n\t\t} else if (work->claim.verdict == CLAIM_SETTLED_DLQ && work->record->skip)"),
    Mutant("an event that another owner has leased counts as a duplicate",
           "daemon/worker/book.c", "unit_hold_busy(&errand->unit, work);", "work->fate = UNIT_DUPLICATE;",
           mode="outside", faults="tree,rebalance", is_static=False),
    Mutant("a lease is marked as done although the handler failed",
           "daemon/worker/unit_lease.c",
           "return is_through && !work->is_forgotten ? STORE_LEASE_DONE : STORE_LEASE_RELEASED;",
           "return is_through || true ? STORE_LEASE_DONE : STORE_LEASE_RELEASED;", mode="redis"),
    Mutant("a lost connection to the store counts as done",
           "daemon/worker/unit.c", "\tif (unit_note_store_failure(unit, &flight)) {\n\t\tsend_back(unit, range);",
           "\tif (unit_note_store_failure(unit, &flight)) {\n\t\tunit->store_failed = false;\n"
           "\t\tunit_settle_fates(unit, range);", faults="postgres"),
    Mutant("a record that shall be tried again is settled",
           "daemon/worker/finish.c",
           "park(worker, work, RECORD_WAIT_PARKED);\n\t\tret.verdict = SCHED_PARK;\n\t\tret.due_us = work->due_us;",
           "partition_settle(worker, record, PAGE_DONE, now_ms);"),
    Mutant("later records of a strand pass one that is tried again",
           "daemon/worker/unit_fate.c", "is_unfinished(before)) {\n\t\treturn true;",
           "is_unfinished(before)) {\n\t\treturn false;"),
    Mutant("the first failure is the last: no retry",
           "daemon/worker/unit_fate.c", "if (delay_us < 0) {", "if (delay_us < INT64_MAX) {"),
    Mutant("a dead letter has the time of its writing",
           "daemon/worker/letter_message.c",
           ".timestamp_ms = tier ? now_ms : record->timestamp_ms,", ".timestamp_ms = now_ms,"),
    Mutant("reading goes on one record behind the committed offset",
           "daemon/core/start.c", "{ START_COMMITTED, facts->committed }",
           "{ START_COMMITTED, facts->committed + (facts->committed < facts->log_end) }"),
    Mutant("a revoked partition is committed to where it was read",
           "daemon/worker/partition.c", "\t\twait_for_lanes(worker, event);\n",
           "\t\tfor (size_t i = 0; i < event->partition_count; i++) {\n"
           "\t\t\tstruct tracker *tracker = worker->partitions[event->partitions[i].slot]->tracker;\n"
           "\t\t\tfor (int64_t at = tracker ? tracker_committable(tracker) : 0;\n"
           "\t\t\t\ttracker && at < tracker_next(tracker); at++) {\n"
           "\t\t\t\ttracker_settle(tracker, at);\n\t\t\t}\n\t\t}\n", faults="rebalance,upgrade", is_static=False),
    Mutant("a supervisor forgets to close what it had with a dead worker",
           "daemon/supervisor/child.c", "\t\tclose(child->channel_fd);", "\t\t;"),
    Mutant("nobody is told why a worker ended",
           "daemon/supervisor/slot.c",
           "log_at(obituary_level(slot->cause), buffer_str(&sentence), LOG_ID(WORKER_ENDED),",
           "log_at(LOG_LEVEL_DEBUG, buffer_str(&sentence), LOG_ID(WORKER_ENDED),"),
)


def applies(mutant, root=ROOT):
    """Whether its text is there, once."""
    return (root / mutant.path).read_text().count(mutant.old) == 1


def directory(tree):
    return tree / "build"


def refresh(tree):
    """Make it a copy of the sources. What is the same stays, so that little is compiled again."""
    for at, directories, names in os.walk(ROOT):
        directories[:] = [name for name in directories if name != "__pycache__" and not (
            at == str(ROOT) and name.startswith(("build", ".git")))]
        below = tree / pathlib.Path(at).relative_to(ROOT)
        below.mkdir(parents=True, exist_ok=True)
        for name in names:
            source, copy = pathlib.Path(at, name), below / name
            if not copy.exists() or not filecmp.cmp(source, copy, shallow=False):
                shutil.copy(source, copy)


def prepare(tree):
    """A copy of the sources, configured."""
    refresh(tree)
    if (directory(tree) / "build.ninja").exists():
        return
    made = subprocess.run(["meson", "setup", str(directory(tree)), str(tree), "-Dman=disabled"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise SystemExit(f"torture: the copy cannot be configured:\n{made.stdout[-3000:]}")


def build(tree):
    made = subprocess.run(["ninja", "-C", str(directory(tree)), *TARGETS], capture_output=True, text=True)
    if made.returncode != 0:
        raise SystemExit(f"torture: a mutant cannot be built:\n{made.stdout[-3000:]}")


class Planted:
    """A mutant in the tree, built, for as long as it is torn apart."""

    def __init__(self, tree, mutant):
        self.tree = tree
        self.path = tree / mutant.path
        self.text = self.path.read_text()
        self.mutant = mutant

    def __enter__(self):
        self.path.write_text(self.text.replace(self.mutant.old, self.mutant.new))
        build(self.tree)

    def __exit__(self, *_):
        self.path.write_text(self.text)


def catch(servers, mutant):
    """([names of broken promises], rounds, seconds)"""
    from . import __main__ as run
    from . import faults, options, round as rounds

    table = run.select(faults.load(), mutant.faults or "nothing has this name")
    began = time.monotonic()
    for number in range(ROUNDS):
        drawn = options.Options(
            number=number, seed=2 * number + mutant.seed, mode=mutant.mode, seconds=SECONDS,
            is_static=mutant.is_static, faults_per_minute=40)
        facts = rounds.Round(servers, drawn, table).run().facts()
        if facts["violations"]:
            shutil.rmtree(facts["kept"], ignore_errors=True)
            broken = [name for name, found in facts["verdicts"].items() if found]
            return broken, number + 1, time.monotonic() - began
    return [], ROUNDS, time.monotonic() - began


def table(chosen=MUTANTS, tree=TREE):
    """Yields (name, how it is tortured, [broken], rounds, seconds) of each."""
    from .servers import Servers

    prepare(tree)
    build(tree)
    servers = Servers().start()
    try:
        for mutant in chosen:
            with Planted(tree, mutant):
                yield (mutant.name, f"{mutant.mode}: {mutant.faults}", *catch(servers, mutant))
            servers.restore()
    finally:
        servers.close()
