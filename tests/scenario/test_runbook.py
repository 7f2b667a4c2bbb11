"""
test_runbook - `oncectl runbook` beside a onced at work: its figures are those of the moment, its commands work as they stand
"""

import os
import re
import subprocess

from .harness import BUILD, run_tool, slowness
from .operate import Load, asked, oncectl

POLICY = {"attempts": 3, "delay": "1s", "delay.max": "2s", "jitter": "none"}


def runbook(onced, *words):
    return oncectl(onced, "runbook", "c", *words)


def table(text, first):
    """Rows of the table whose head begins with `first`, cells as they are shown."""
    lines = text.split(f"\n| {first} |", 1)[1].splitlines()[2:]
    rows = lines[:next(n for n, line in enumerate(lines) if not line.startswith("|"))]
    return [re.split(r" ?(?<!\\)\| ?", row)[1:-1] for row in rows]


def commands(world, text):
    """What is to be pasted, in its order, with the words that are one's own; settled records are not to be skipped."""
    found = re.findall(r"^    (oncectl .*)$", text, re.MULTILINE)
    return [line.replace("WHY", "tried out").replace("REASON", "rejected").replace(
        "TOPIC:PARTITION:OFFSET", f"{world.topic}:3:0") for line in found]


def paste(onced, text, line):
    export = re.search(r"^    (export ONCED_SOCKET=.*)$", text, re.MULTILINE)[1]
    done = subprocess.run(["bash", "-ec", f"{export}\n{line}"], capture_output=True, text=True, timeout=90 * slowness(),
                          env={**onced._environment(), "PATH": f"{BUILD}:{os.environ['PATH']}"})
    # Refused is what becomes of a record that is settled, and of a cluster of one broker.
    allowed = (0, 1) if " skip " in line or " doctor " in line else (0,)
    assert done.returncode in allowed, f"{line}\n{done.stdout}{done.stderr}{onced.log_tail()}"
    return done.stdout


def test_a_runbook_is_of_the_daemon_that_works(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2, "owner": "team orders"}, "retry": POLICY})
    onced.wait_assigned(4)
    world.produce_event("broken", partition=3, fault="22P02")
    world.kafka.flush()
    with Load(world, "a", rate=200):
        world.wait_effects(50)
        onced.wait_metric(1, "onced_dead_letters_total")
        oncectl(onced, "pause", f"c:{world.topic}:1", "--reason", "disk | full", "--owner", "ann")
        # No file: all of it is asked of the daemon.
        text = runbook(onced, "-c", "/nonexistent/onced.ini")
        check_figures(world, onced, text)
        check_policy(world, onced, text)
        check_commands(world, onced, text)
    # What the file says by now is not what is in use.
    onced.sections["retry"]["attempts"] = 7
    onced.write_config()
    text = runbook(onced)
    assert "It is tried 3 times" in text and "**1 keys of the file are not in use**" in text
    oncectl(onced, "reload", "--wait")
    text = runbook(onced, "--owner", "bob")
    assert "It is tried 7 times" in text and "not in use" not in text and "| owner | bob |" in text
    world.wait_finished(onced)
    onced.stop()
    check_without_daemon(onced)


def check_commands(world, onced, text):
    """All of them, as they stand, and what some have done."""
    lines = commands(world, text)
    assert len(lines) == 13
    for line in lines:
        said = paste(onced, text, line)
        if " drain " in line:
            assert onced.consumer()["state"] == "paused" and "tried out" in onced.consumer()["reason"]
        elif " resume " in line:
            assert asked(onced, "show", "consumers")[0]["pauses"] == []
        elif " dlq list " in line:
            assert "broken" in said


def check_figures(world, onced, text):
    partitions = {int(row[1]): row for row in table(text, "topic")}
    assert sorted(partitions) == [0, 1, 2, 3]
    assert {row[0] for row in partitions.values()} == {f"`{world.topic}`"}
    assert {row[2] for row in partitions.values()} == {"0", "1"}, "each worker has some"
    assert partitions[1][3] == "paused"
    assert all(0 <= int(row[4]) <= world.ends()[(world.topic, number)] for number, row in partitions.items())
    assert float(re.search(r"Throughput: ([\d.]+) records/s \(over \d+ s\)", text)[1]) > 0
    assert [row[:2] for row in table(text, "worker")] == [["0", "ready"], ["1", "ready"]]
    assert f"pid {onced.pid}," in text
    assert re.search(rf"^- \*\*Paused on purpose\*\*, `{world.topic}` partition 1, by ann .*: disk \\\| full$", text, re.M)
    now = {row[0].strip("`"): row[2] for row in table(text, "alarm")}
    assert now["OncedDown"] == "it answers" and now["OncedWorkerMissing"] == "2 of 2 are ready"
    assert now["OncedDeadLetters"] == "1 since the start" and now["OncedPausedTooLong"] == "**yes**"
    assert now["OncedStoreDown"] == now["OncedBrokerDown"] == now["OncedOutage"] == "no"


def check_policy(world, onced, text):
    assert "| owner | team orders |" in text
    assert f"| configuration | `{onced.config}`, as the daemon uses it |" in text
    # 1 s, 2 s, and three calls of 20 s
    assert "It is tried 3 times, first after 1s" in text and "given up 63s after" in text
    assert f"a dead letter in `{world.dlq}`" in text and "Who says what becomes of it: team orders." in text


def check_without_daemon(onced):
    words = ("--socket", onced.socket, "runbook", "c")
    shown = run_tool(*words, "-c", onced.config, program="oncectl")
    assert shown.returncode == 0, shown.stderr
    assert f"No figures of the daemon on `{onced.socket}`: " in shown.stdout
    assert "It is tried 7 times" in shown.stdout and "| owner | team orders |" in shown.stdout
    assert run_tool(*words, "-c", "/nonexistent/onced.ini", program="oncectl").returncode == 1


def test_a_consumer_that_the_daemon_does_not_have_yet_is_that_of_the_file(world):
    world.create_topics()
    onced = world.start()
    onced.sections["consumer new"] = {"topics": world.topic, "group.id": f"{world.group}-new", "handler": "effect",
                                      "dlq.topic": "none"}
    onced.write_config()
    shown = run_tool("--socket", onced.socket, "-c", onced.config, "runbook", "new", program="oncectl")
    assert shown.returncode == 0 and "it has no consumer of this name" in shown.stdout, shown.stderr
    assert run_tool("--socket", onced.socket, "-c", onced.config, "runbook", "nobody", program="oncectl").returncode == 2
    onced.stop()
