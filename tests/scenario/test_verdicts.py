"""
test_verdicts - what was last said of a partition's records, and that a death does not take it away
"""

import json
import signal

from support.process import send_signal

from .harness import run_tool


def verdicts(onced, partition=0):
    return next(row["verdicts"] for row in onced.consumer()["partitions"] if row["partition"] == partition)


def told(entries):
    return [(entry["event_id"], entry["outcome"], entry["reason"], entry["attempt"]) for entry in entries]


def test_each_kind_of_verdict_is_told_and_outlives_its_worker(world):
    world.create_topics(partitions=2)
    world.produce_event("plain", partition=0)
    world.produce_event("plain", partition=0)
    world.produce_event("flaky", partition=0, fault="flaky:1:23503")
    world.produce_event("poison", partition=0, fault="22P02")
    world.produce_event("last", partition=0)
    world.kafka.flush()
    onced = world.start()
    world.wait_finished(onced)
    expected = [("last", "done", None, 1), ("poison", "dead_letter", "rejected", 1), ("flaky", "done", None, 2),
                ("flaky", "retry", None, 1), ("plain", "duplicate", None, 1), ("plain", "done", None, 1)]
    before = verdicts(onced)
    assert told(before) == expected
    assert [entry["offset"] for entry in before] == [4, 3, 2, 2, 1, 0]
    assert [entry["code"] for entry in before] == ["", "22P02", "", "23503", "", ""]
    assert all(entry["handler"] == "effect" and 0 <= entry["seconds"] < 60 for entry in before)
    assert before[0]["at_ms"] >= before[-1]["at_ms"] > 1_700_000_000_000
    assert verdicts(onced, 1) == []

    pid = onced.worker_pids()[0]
    send_signal(pid, signal.SIGKILL)
    onced.wait_worker_exit(pid)
    onced.wait_assigned(2)
    assert verdicts(onced) == before
    world.produce_event("after", partition=0)
    world.kafka.flush()
    world.wait_effects(4)
    onced.wait_until(lambda: told(verdicts(onced))[:1] == [("after", "done", None, 1)], 20, "the next verdict")
    assert told(verdicts(onced))[1:] == expected

    shown = run_tool("--socket", onced.socket, "show", "verdicts", f"c:{world.topic}:0", program="oncectl")
    assert shown.returncode == 0, shown.stderr
    assert "dead_letter (rejected)  22P02" in shown.stdout and f"{world.topic}:0:3" in shown.stdout
    listed = run_tool("--socket", onced.socket, "--json", "show", "verdicts", f"c:{world.topic}:1", program="oncectl")
    assert json.loads(listed.stdout) == []
    world.finish(onced)
