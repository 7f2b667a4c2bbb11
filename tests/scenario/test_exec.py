"""
test_exec - events given to commands: good ones, the examples, and a child that misbehaves in every way

Effects are lines of a file that the children write (tests/support/exec_child.py), so that each can be counted by
its event's id. An effect elsewhere is at least once; where no worker dies and no answer is lost it is once.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import types

import pytest

from support.process import children_of, is_alive, send_signal, wait_for

from . import checker, events
from .harness import ROOT, is_sanitized, slowness

CHILD = ROOT / "tests" / "support" / "exec_child.py"
EXAMPLES = ROOT / "handlers" / "examples" / "exec"
PYTHON = "/usr/bin/python3"

# fault: (its dead letter's reason, code), None where the event is done in the end
FAULTS = {
    "exit": (b"exhausted", b"exit-3"),
    "signal": (b"exhausted", b"SIGSEGV"),
    "hang": (b"exhausted", b"timeout"),
    "late": (b"exhausted", b"timeout"),
    "deaf": (b"exhausted", b"timeout"),
    "garbage": (b"rejected", b"bad-reply"),
    "long": (b"rejected", b"bad-reply"),
    "other": (b"exhausted", b"wrong-event"),
    "leak": (b"exhausted", b"exit-1"),
    "print": None,
    "babble": None,
    "grandchild": None,
    "flaky-exit": None,
}


def patience():
    """As slowness, for timeouts of the handler: a sanitizer makes the children no slower."""
    return slowness() / 2 if is_sanitized() else slowness()


def exec_config(world, timeout_s=2, **consumer):
    """Children that append to a file of the scenario's."""
    return {
        "consumer c": {"handler": "child", "lanes": 4, "batch.max": 1, **consumer},
        "handler effect": None,
        "handler child": {
            "type": "exec", "command": f"{PYTHON} {CHILD}", "timeout": f"{timeout_s * patience() * 1000:.0f}ms",
            "env.EFFECTS": effects_path(world), "env.LATE": f"{timeout_s * patience() + 1:g}"},
        "retry": {"attempts": 2, "delay": "50ms", "delay.max": "100ms"},
    }


def effects_path(world):
    return world.directory / "effects.jsonl"


def notes(world):
    """What the children wrote, in order; a line without its end is just being written."""
    path = effects_path(world)
    if not path.exists():
        return []
    lines = path.read_text().rpartition("\n")[0].splitlines()
    return [types.SimpleNamespace(seq=n, **{"fault": None, "grandchild": None, **json.loads(line)})
            for n, line in enumerate(lines)]


def effects(world):
    return [note for note in notes(world) if not note.fault]


def evidence(world):
    committed = world.committed()
    return checker.Evidence(committed, world.kafka.read(world.topic), effects(world), world.dead_letters())


def check_finished(world, ordering="partition"):
    found = evidence(world)
    checker.check_finished(found, world.ends(), ordering)
    return found


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def exec_children(onced):
    """What lives below the workers: children, and theirs."""
    return [pid for worker in onced.worker_pids() for pid in children_of(worker)]


def letters_by_id(found):
    return {checker.event_id_of_dead_letter(d): d for d in found.dead_letters}


def produce_awkward(world, fault, n):
    """A value of several lines and a header that is no text: what is easily lost in a line of JSON."""
    value = json.dumps(json.loads(events.envelope(fault, n, fault=fault)), indent=2).encode() + b"\r\n"
    world.kafka.produce(world.topic, value, f"fault-{n}".encode(), headers=[("blob", b"\x00\xff\n"), ("none", None)])


def send_witnesses(world, onced, event_ids):
    """An event is only given up when another succeeded after its first failure."""
    onced.wait_until(lambda: set(event_ids) <= {n.event_id for n in notes(world) if n.attempt == 2}, 60,
                     "each has failed once")
    for n in range(4):
        world.produce_event(f"witness-{n}", n, key=f"witness-{n}".encode(), partition=1)
    world.kafka.flush()


def test_each_fault_hits_its_own_event_and_no_other(world):
    world.create_topics(partitions=2)
    for n in range(60):
        world.produce_event(f"good-{n}", n, key=f"k{n % 7}".encode())
    for n, fault in enumerate(FAULTS):
        produce_awkward(world, fault, n)
    for n in range(60, 120):
        world.produce_event(f"good-{n}", n, key=f"k{n % 7}".encode())
    world.kafka.flush()
    onced = world.start(exec_config(world, ordering="key"))
    [worker] = onced.worker_pids()
    send_witnesses(world, onced, ["hang", "late", "deaf"])
    world.wait_finished(onced, 90)
    onced.assert_accounted()
    assert onced.worker_pids() == [worker]
    first = descriptors(worker)
    for n in range(20):  # deaths enough to show what each leaves behind
        world.produce_event(f"flaky-{n}", n, key=f"k{n % 2}".encode(), fault="flaky-exit")
    world.kafka.flush()
    world.wait_finished(onced, 90)
    # Ends of three pipes and a process for each of four lanes, whether its child is there just now or not.
    assert descriptors(worker) <= first + 4 * 4, "children that died left descriptors behind"
    world.produce_event("unfinished", 0, fault="no-newline")  # when nobody babbles any more: lines are rationed
    world.kafka.flush()
    world.wait_finished(onced, 90)
    left = [note.grandchild for note in notes(world) if note.grandchild]
    assert left
    onced.stop()
    found = check_finished(world, "key")
    # Each good event once, each fault by its own end, and dead letters with the bytes they came with.
    done = {f for f, end in FAULTS.items() if not end} | {f"witness-{n}" for n in range(4)}
    done |= {f"flaky-{n}" for n in range(20)} | {"unfinished"}
    assert found.effect_ids == {f"good-{n}" for n in range(120)} | done
    letters = letters_by_id(found)
    assert {i: (d.header("onced-reason"), d.header("onced-code")) for i, d in letters.items()} == {
        fault: end for fault, end in FAULTS.items() if end}
    assert len(found.dead_letters) == len(letters)
    tried = collections.Counter(note.event_id for note in notes(world))
    charged = {i: int(d.header("onced-attempts")) for i, d in letters.items()}
    # On a slow machine so many faults in a row may look like an outage, in which nobody is charged.
    was_outage = "outage: different records fail" in onced.log_path.read_text(errors="replace")
    assert charged == {i: tried[i] for i in letters} or (
        was_outage and all(2 <= charged[i] <= tried[i] for i in letters if FAULTS[i][0] == b"exhausted"))
    assert all((tried[i] > 1) == (FAULTS[i][0] == b"exhausted") for i in letters)
    assert {note.attempt for note in effects(world) if note.event_id == "flaky-exit"} == {2}
    wait_for(lambda: not any(map(is_alive, left)), 5, "what a child started is gone")
    log = onced.log_path.read_text(errors="replace")
    assert "half a line" in log and "were too many and are not shown" in log
    assert len(log) < 1_000_000


def test_others_go_on_while_one_takes_its_full_timeout(world):
    timeout_s = 4
    world.create_topics(partitions=3)
    world.produce_event("stuck", partition=0, fault="flaky-hang")
    world.produce_event("behind", partition=0)
    world.kafka.flush()
    onced = world.start(exec_config(world, timeout_s))
    wait_for(lambda: notes(world), 20 * slowness(), "the stuck event is in hand")
    for n in range(100):
        world.produce_event(f"e{n}", n, partition=1 + n % 2)
    world.kafka.flush()
    world.wait_finished(onced)
    onced.stop()
    found = check_finished(world)
    [stuck] = [note for note in notes(world) if note.fault]
    done = {note.event_id: note for note in found.effects}
    assert len(done) == 102 and not found.dead_letters
    assert done["stuck"].attempt == 2 and done["stuck"].at >= stuck.at + timeout_s * patience() / 2
    assert max(done[f"e{n}"].at for n in range(100)) < done["stuck"].at, "they waited for the stuck one"


@pytest.mark.parametrize("how", ["stop", "kill worker", "kill supervisor"])
def test_no_child_outlives_its_worker(world, how):
    world.create_topics(partitions=2)
    # One that reads nothing, so that the end of its input is no news to it.
    world.produce_event("stuck", key=b"stuck", fault="flaky-hang")
    for n in range(200):
        world.produce_event(f"e{n}", n, key=f"k{n % 5}".encode(), seconds=0.01)
    world.kafka.flush()
    onced = world.start(exec_config(world, timeout_s=6 if how == "kill worker" else 2, ordering="key"))
    onced.wait_until(lambda: len(effects(world)) >= 20 and len(notes(world)) > len(effects(world)), 30,
                     "children are at work, and one is stuck")
    [worker] = onced.worker_pids()
    children = exec_children(onced)
    assert 1 <= len(children) <= 4
    if how == "stop":
        onced.stop()
    elif how == "kill worker":
        send_signal(worker, signal.SIGKILL)
    else:
        onced.terminate(signal.SIGKILL)
        onced.wait_exit()
    wait_for(lambda: not any(map(is_alive, children)), 15 * slowness(), "the children are gone")
    if how != "kill worker":
        wait_for(lambda: not onced.pids(), 20 * slowness(), "all processes of onced are gone")
        onced.socket.unlink(missing_ok=True)
        onced.start()
    world.wait_finished(onced, 60)
    onced.stop()
    found = evidence(world)
    checker.check_nothing_lost(found)
    checker.check_committed_to_end(found, world.ends())
    assert found.effect_ids == {"stuck"} | {f"e{n}" for n in range(200)} and not found.dead_letters
    # What each of the four lanes had in hand when it was killed may have come again, and no more.
    assert len(found.effects) <= (201 if how == "stop" else 205)


def test_command_that_cannot_start_holds_and_recovers_by_itself(world):
    world.create_topics()
    for n in range(20):
        world.produce_event(f"e{n}", n)
    world.kafka.flush()
    command = world.directory / "late-command"
    config = exec_config(world)
    config["handler child"]["command"] = str(command)
    onced = world.start(config)
    onced.wait_metric(1, "onced_held")
    # There, but ends before it reads: as good as not there.
    command.write_text("#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    onced.wait_until(lambda: "before it read an event" in onced.log_path.read_text(), 30, "it was tried again")
    assert onced.metrics().sum("onced_dead_letters_total") == 0
    assert onced.metrics().sum("onced_retries_total") == 0
    working = world.directory / "working"
    working.write_text(f"#!/bin/sh\nexec {PYTHON} {CHILD}\n")
    working.chmod(0o755)
    os.replace(working, command)
    world.wait_finished(onced, 60)
    onced.stop()
    found = check_finished(world)
    assert len(found.effects) == 20 and not found.dead_letters


@pytest.mark.parametrize("program", [
    "python3",
    pytest.param("node", marks=pytest.mark.skipif(not shutil.which("node"), reason="node is not installed"))])
def test_examples_work_as_they_are(world, program):
    script = EXAMPLES / {"python3": "handler.py", "node": "handler.js"}[program]
    world.create_topics()
    for n in range(10):
        world.produce_event(f"e{n}", -1 if n == 3 else n)
    world.kafka.flush()
    orders = world.directory / "orders.jsonl"
    path = PYTHON if program == "python3" else shutil.which(program)
    config = exec_config(world)
    config["handler child"].update({
        "command": f"{path} {script}", "timeout": "20s", "env.ORDERS": orders, "env.EFFECTS": None, "env.LATE": None,
        "env.PYTHONDONTWRITEBYTECODE": "1"})
    onced = world.start(config)
    world.wait_finished(onced)
    onced.stop()
    saved = [json.loads(line) for line in orders.read_text().splitlines()]
    assert saved == [{"event_id": f"e{n}", "n": n, "attempt": 1} for n in range(10) if n != 3]
    [letter] = world.dead_letters()
    assert (letter.header("onced-code"), letter.header("onced-error")) == (b"negative", b"n is -1")
    assert "saving e9" in onced.log_path.read_text()


def test_the_python_module_asks_for_a_decorator_and_no_more(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("from onced import handler, Reject\n\n\n@handler\ndef handle(event):\n"
                      "    if event['value']['n'] < 0:\n        raise Reject('negative', code='sign')\n"
                      "    print('saw', event['event_id'])\n    1 / event['value']['n']\n")
    events_in = [{"seq": seq, "event_id": f"e{n}", "value": {"n": n}} for seq, n in enumerate((1, -1, 0, 2))]
    ran = subprocess.run([PYTHON, script], input="".join(json.dumps(e) + "\n" for e in events_in), text=True,
                         capture_output=True, timeout=60, check=True,
                         env={"PYTHONPATH": str(EXAMPLES), "PYTHONDONTWRITEBYTECODE": "1"})
    replies = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(r["seq"], r["result"]) for r in replies] == [(0, "done"), (1, "reject"), (2, "retry"), (3, "done")]
    assert (replies[1]["reason"], replies[1]["code"]) == ("negative", "sign")
    assert replies[2]["code"] == "ZeroDivisionError" and "saw e2" in ran.stderr
    module = (EXAMPLES / "onced.py").read_text()
    assert len(module.splitlines()) <= 100, "one reads it before one trusts it"


def test_a_child_gets_nothing_of_the_daemon_but_its_pipes(world):
    world.create_topics()
    world.produce_event("e0")
    world.kafka.flush()
    onced = world.start(exec_config(world), env={"PLANTED": "x7-planted-secret"})
    world.wait_finished(onced)
    [child] = exec_children(onced)
    process = pathlib.Path("/proc", str(child))
    descriptors = {fd.name: os.readlink(fd) for fd in (process / "fd").iterdir()}
    # Beyond the three pipes only what it opened itself.
    assert {fd for fd, target in descriptors.items() if target.startswith("pipe:")} == {"0", "1", "2"}
    assert {target for fd, target in descriptors.items() if int(fd) > 2} == {str(effects_path(world))}
    names = {entry.split(b"=")[0] for entry in (process / "environ").read_bytes().split(b"\0") if entry}
    assert {b"EFFECTS", b"LATE"} <= names <= {b"PATH", b"LANG", b"TZ", b"EFFECTS", b"LATE"}
    onced.stop()
    assert not is_alive(child)
