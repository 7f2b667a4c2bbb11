"""
test_verbs - what an operator does in the middle of an incident, under load, with the effects counted

Each verb is called as an operator calls it: by oncectl, on the control socket of a onced that works.
"""

import os
import re
import signal
import subprocess
import time

import pytest

from support.process import send_signal, wait_for
from .harness import BUILD, run_tool, slowness
from .operate import Load, asked, oncectl, stands_still


def finish_without_repeats(world, onced):
    """Not even as a duplicate did a record come twice."""
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_records_settled_total", result="duplicate") == 0
    world.finish(onced)


def rebalances(onced):
    return sum(w["rebalances"] for w in onced.workers())


def test_pause_and_resume(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(4)
    with Load(world, "a"):
        world.wait_effects(100)
        before = rebalances(onced)
        began = time.monotonic()
        said = asked(onced, "pause", "c", "--reason", "disk is full", "--owner", "ann")
        print(f"pause answered after {time.monotonic() - began:.2f} s, in hand {said['number']}")
        assert said["state"] == "done" and said["who"] == f"ann (uid {os.getuid()})"
        onced.wait_until(lambda: all(p["in_flight"] == 0 or p["paused"] for p in onced.partitions().values()),
                         10, "every partition is paused")
        wait_for(lambda: stands_still(world), 20 * slowness(), "nothing takes effect while paused")
        consumer = onced.consumer()
        assert consumer["state"] == "paused" and "disk is full" in consumer["reason"]
        assert onced.metrics().sum("onced_paused") == 4
        assert len(onced.partitions()) == 4, "a paused consumer keeps its assignment"
        assert rebalances(onced) == before
        assert "resumed" in oncectl(onced, "resume", "c")
        count = world.effect_count()
        world.wait_effects(count + 100)
    world.finish(onced)


PAUSE, DRAIN = ("pause", "c", "--reason", "holds"), ("drain", "c", "--wait")


@pytest.mark.parametrize("verb, whom", [(PAUSE, "supervisor"), (PAUSE, "workers"), (DRAIN, "workers")],
                         ids=["pause-supervisor", "pause-workers", "drain-workers"])
def test_it_holds_whoever_dies_right_after_the_answer(world, verb, whom):
    world.create_topics(partitions=2)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(2)
    world.produce_stream(300)
    world.wait_effects(50)
    pids = onced.worker_pids()
    oncectl(onced, *verb)
    if whom == "supervisor":
        send_signal(onced.pid, signal.SIGKILL)
        onced.wait_exit()
        wait_for(lambda: not onced.pids(), 20 * slowness(), "its workers drain")
        count = world.effect_count()
        onced.start()
    else:
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
            onced.wait_worker_exit(pid)
        count = world.effect_count()
    onced.wait_assigned(2, 40)
    world.produce_stream(200, prefix="later")
    assert onced.consumer()["state"] == "paused"
    assert stands_still(world) and world.effect_count() == count
    world.check_always()
    oncectl(onced, "resume", "c")
    world.finish(onced)


def test_a_pause_ends_by_itself(world):
    world.create_topics()
    onced = world.start()
    onced.wait_assigned(1)
    oncectl(onced, "pause", "c", "--reason", "short", "--for", "2s")
    world.produce_stream(50)
    onced.wait_until(lambda: onced.consumer()["state"] == "running", 20, "the pause is over")
    world.finish(onced)


def test_one_partition_is_paused_and_another_host_obeys(world):
    """The word is in the store: the partition stands still wherever it goes."""
    world.create_topics(partitions=2)
    onced = world.start({"consumer c": {"instance.id": "off"}})
    onced.wait_assigned(2)
    oncectl(onced, "pause", f"c:{world.topic}:1", "--reason", "poison at its head")
    for n in range(100):
        world.produce_event(f"e{n}", n, partition=n % 2)
    world.kafka.flush()
    wait_for(lambda: world.effect_count() == 50, 30 * slowness(), "the other partition flows")
    onced.wait_until(lambda: onced.partitions()[(world.topic, 1)]["state"] == "paused", 20, "status says so")
    shown = onced.partitions()
    assert shown[(world.topic, 1)]["state"] == "paused" and "poison" in shown[(world.topic, 1)]["reason"]
    assert shown[(world.topic, 0)]["state"] == "running"
    assert onced.metrics().sum("onced_paused") == 1
    refused = run_tool("--socket", onced.socket, "resume", f"c:{world.topic}:9", program="oncectl")
    assert refused.returncode == 0, "a scope that is not paused may be resumed"
    other = world.onced({"consumer c": {"instance.id": "off"}})
    other.start()
    onced.stop()
    other.wait_assigned(2, 40)
    other.wait_until(lambda: other.partitions()[(world.topic, 1)]["state"] == "paused", 20,
                     "the other host knows the pause")
    assert world.effect_count() == 50
    oncectl(other, "resume", "c")  # the wider scope ends it, too
    world.finish(other)


def test_a_word_said_on_one_host_reaches_those_that_run(world):
    """By the store, which their workers read now and then."""
    world.create_topics(partitions=2)
    here = world.start({"consumer c": {"instance.id": "here-%n"}})
    there = world.onced({"consumer c": {"instance.id": "there-%n"}})
    there.start()
    here.wait_assigned(1, 40)
    there.wait_assigned(1, 40)
    oncectl(here, "pause", "c", "--reason", "disk is full", "--owner", "ann")
    there.wait_until(lambda: there.consumer()["state"] == "paused", 20, "the other host hears of it")
    assert "ann" in there.consumer()["reason"] and "disk is full" in there.consumer()["reason"]
    world.produce_stream(50)
    assert stands_still(world) and world.effect_count() == 0
    here.wait_until(lambda: sum(onced.consumer()["lag"] or 0 for onced in (here, there)) == 50, 20,
                    "lag is told while paused")
    oncectl(there, "resume", "c")
    here.wait_until(lambda: here.consumer()["state"] == "running", 20, "the first one hears of the end")
    world.wait_effects(50)
    there.stop()
    world.finish(here)


def test_drain_finishes_commits_and_stays(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2, "batch.max": 20, "commit.interval": "10s"}})
    onced.wait_assigned(4)
    with Load(world, "d"):
        world.wait_effects(200)
        began = time.monotonic()
        said = oncectl(onced, "drain", "c", "--wait")
        print(f"drained in {time.monotonic() - began:.2f} s: {said.strip()}")
        committed = world.committed()
        effects = world.effects()
        assert sum(committed.values()) == len(effects), "everything that took effect is committed"
        assert stands_still(world)
        assert len(onced.partitions()) == 4
        before = rebalances(onced)
        oncectl(onced, "resume", "c")
        world.wait_effects(len(effects) + 100)
        assert rebalances(onced) == before
    finish_without_repeats(world, onced)


def test_drain_says_what_it_waits_for(world):
    world.create_topics(partitions=2)
    onced = world.start()
    onced.wait_assigned(2)
    world.produce_event("slow", 0, partition=1, fault="sleep:5")
    world.kafka.flush()
    onced.wait_until(lambda: any(l["stage"] != "idle" for w in onced.workers() for l in w["lanes"]), 20,
                     "the slow record is in hand")
    said = oncectl(onced, "drain", "c", "--wait", "--timeout", "1s", expect=4)
    waits = re.search(rf"{world.topic}\[1\] at offset 0 since ([0-9.]+) s", said)
    assert waits and 0 < float(waits[1]) < 60, said
    oncectl(onced, "drain", "c", "--wait")
    assert world.effect_count() == 1
    oncectl(onced, "resume", "c")
    world.finish(onced)


def test_drain_says_which_dead_letter_it_waits_for(world):
    world.create_topics(dlq_partitions=0)
    onced = world.start()
    world.produce_event("good", 0)
    world.produce_event("bad", 1, fault="22P02")
    world.kafka.flush()
    onced.wait_until(lambda: onced.workers()[0]["dlq_down"], 30, "its dead letter is refused")
    said = oncectl(onced, "drain", "c", "--wait", "--timeout", "1s", expect=4)
    assert re.search(rf"{world.topic}\[0\] at offset 1 since 20[0-9T:.-]+Z: {world.dlq}: ", said), said
    world.kafka.create_topic(world.dlq, 1)
    oncectl(onced, "drain", "c", "--wait")
    assert len(world.dead_letters()) == 1
    oncectl(onced, "resume", "c")
    world.finish(onced)


@pytest.mark.parametrize("instance", ["static-%n", "off"])
def test_release_leaves_the_group_until_resumed(world, instance):
    world.create_topics(partitions=2)
    world.produce_stream(300)
    onced = world.start({"consumer c": {"workers": 2, "batch.max": 20, "instance.id": instance}})
    world.wait_effects(50)
    oncectl(onced, "drain", "c", "--release", "--wait")
    assert world.kafka.describe_group(world.group)[1] == {}, "every member has left, static ones too"
    assert [w["state"] for w in onced.workers()] == ["stopped", "stopped"]
    assert onced.consumer()["state"] == "paused"
    assert sum(world.committed().values()) == world.effect_count()
    send_signal(onced.pid, signal.SIGKILL)
    onced.wait_exit()
    onced.start(wait=False)
    onced.wait_until(lambda: onced.consumer()["state"] == "paused", 20, "it is released after a restart, too")
    assert onced.worker_pids() == []
    oncectl(onced, "restart", "c", expect=1)
    # Nobody is in the group: oncectl commits by itself, and what took effect does not do so again.
    where = ["offsets", "set", "c", f"{world.topic}:0", "-c", onced.config]
    oncectl(onced, *where, "--to", "999999", expect=1)
    before = world.committed()[(world.topic, 0)]
    oncectl(onced, *where, "--to", "earliest", "--reason", "read it again", "--owner", "ann")
    assert world.committed()[(world.topic, 0)] == 0
    [line] = [line for line in onced.log_path.read_text().splitlines() if "an offset is set without a worker" in line]
    assert f"partition=0 from={before} offset=0" in line and "ann (uid " in line and "read it again" in line, line
    oncectl(onced, "resume", "c")
    world.finish(onced)


def test_rolling_restart_without_a_rebalance(world):
    world.create_topics(partitions=4)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(4)
    with Load(world, "r"):
        world.wait_effects(100)
        assigned = {w["slot"]: w["rebalances"] for w in onced.workers()}
        before = {w["slot"]: w["pid"] for w in onced.workers()}
        began = time.monotonic()
        oncectl(onced, "restart", "c", "--wait", timeout=90)
        print(f"two workers replaced in {time.monotonic() - began:.2f} s")
        after = {w["slot"]: w["pid"] for w in onced.workers()}
        assert all(before[s] != after[s] for s in before), (before, after)
        # Each was given its partitions once, as it came back, and noticed nothing of the other.
        assert {w["slot"]: w["rebalances"] for w in onced.workers()} == {s: n + 1 for s, n in assigned.items()}
        assert world.kafka.describe_group(world.group)[0] == "STABLE"
        oncectl(onced, "restart", "c/1", "--wait", timeout=60)
        assert {w["slot"]: w["pid"] for w in onced.workers()}[0] == after[0], "only the one that was named"
    finish_without_repeats(world, onced)


def test_retry_now_wakes_what_is_parked(world):
    world.create_topics()
    world.sql("INSERT INTO gates VALUES ('g', '40001')")
    onced = world.start({"retry": {"delay": "10m", "delay.max": "10m", "attempts": 9, "jitter": "none"}})
    onced.wait_assigned(1)
    world.produce_event("parked", 1, fault="gate:g")
    world.kafka.flush()
    onced.wait_until(lambda: onced.partitions()[(world.topic, 0)]["parked"] == 1, 30, "it is parked")
    world.sql("DELETE FROM gates")
    assert "1 waiting" in oncectl(onced, "retry-now", f"c:{world.topic}:0")
    world.wait_effects(1)
    world.finish(onced)


def test_skip_settles_the_record_that_blocks(world):
    world.create_topics()
    world.sql("INSERT INTO gates VALUES ('g', '40001')")
    onced = world.start({"consumer c": {"commit.interval": "3s"},
                         "retry": {"delay": "10m", "delay.max": "10m", "attempts": 9}})
    onced.wait_assigned(1)
    world.produce_event("poison", 1, fault="gate:g")
    world.produce_event("next", 2)
    world.kafka.flush()
    onced.wait_until(lambda: onced.partitions()[(world.topic, 0)]["parked"] == 1, 30, "it blocks its strand")
    oncectl(onced, "skip", "c", f"{world.topic}:0:7", "--reason", "x", expect=1)
    pid = onced.worker_pids()[0]
    oncectl(onced, "skip", "c", f"{world.topic}:0:0", "--reason", "agreed with ann")
    send_signal(pid, signal.SIGKILL)  # before its offset is committed: it comes again, and is known
    onced.wait_worker_exit(pid)
    wait_for(lambda: world.effect_count() == 1, 20 * slowness(), "what stood behind it takes effect")
    onced.wait_until(lambda: world.lag() == 0, 20, "the offset passes it")
    shown = onced.partitions()[(world.topic, 0)]["settled"]
    assert shown["skipped"] == 1 and shown["done"] <= 1
    assert "agreed with ann" in onced.log_path.read_text()
    onced.stop()
    # Read again from the beginning, it is known as ended.
    again = world.start()
    again.wait_assigned(1)
    world.sql("DELETE FROM gates")
    oncectl(again, "pause", "c", "--reason", "look again")
    oncectl(again, "offsets", "set", "c", f"{world.topic}:0", "--to", "earliest")
    oncectl(again, "resume", "c")
    world.wait_finished(again)
    again.stop()
    assert [e.event_id for e in world.effects()] == ["next"]


def test_offsets_are_set_only_while_paused(world):
    world.create_topics()
    world.produce_stream(100)
    onced = world.start()
    world.wait_finished(onced)
    refused = run_tool("--socket", onced.socket, "offsets", "set", "c", f"{world.topic}:0", "--to", "0",
                       program="oncectl")
    assert refused.returncode == 1 and "not paused" in refused.stderr
    oncectl(onced, "pause", "c", "--reason", "replay")
    oncectl(onced, "offsets", "set", "c", f"{world.topic}:0", "--to", "5000", expect=1)
    oncectl(onced, "offsets", "set", "c", f"{world.topic}:0", "--to", "40")
    assert world.committed()[(world.topic, 0)] == 40
    world.sql("DELETE FROM effects; DELETE FROM onced.processed_events")
    oncectl(onced, "resume", "c")
    onced.wait_until(lambda: world.effect_count() == 60, 30, "what came after offset 40 takes effect again")
    oncectl(onced, "drain", "c", "--wait")
    oncectl(onced, "offsets", "set", "c", f"{world.topic}:0", "--to", "latest")
    oncectl(onced, "offsets", "set", "c", f"{world.topic}:0", "--to", "2020-01-01T00:00:00Z")
    assert world.committed()[(world.topic, 0)] == 0
    oncectl(onced, "resume", "c")
    world.wait_finished(onced)
    onced.stop()


def test_show_is_what_the_daemon_says(world):
    world.create_topics(partitions=2)
    onced = world.start()
    onced.wait_assigned(2)
    assert [c["name"] for c in asked(onced, "show", "consumers")] == ["c"]
    assert [w["consumer"] for w in asked(onced, "show", "workers", "c")] == ["c"]
    assert sorted(p["partition"] for p in asked(onced, "show", "partitions")) == [0, 1]
    assert f"{world.topic}:1" in oncectl(onced, "offsets", "show")
    config = oncectl(onced, "show", "config", "--non-default")
    assert f"topics = {world.topic}" in config and "store.password = ***" in config
    oncectl(onced, "show", "workers", "nobody", expect=1)
    oncectl(onced, "pause", "nobody", "--reason", "x", expect=1)
    onced.stop()
    oncectl(onced, "show", "workers", expect=3)


@pytest.mark.skipif(os.getuid() != 0, reason="other users are root's to play")
def test_others_may_read_and_root_alone_may_change(world):
    world.create_topics()
    onced = world.start()
    onced.wait_assigned(1)
    for directory in [onced.socket.parent, *onced.socket.parent.parents]:
        if directory.stat().st_mode & 0o005 != 0o005 and str(directory).startswith("/tmp"):
            directory.chmod(0o755)
    os.chown(onced.socket, 0, 65534)

    def as_user(*flags, verb):
        return subprocess.run(["setpriv", "--reuid=65534", *flags, "--no-new-privs", BUILD / "oncectl",
                               "--socket", onced.socket, *verb], capture_output=True, text=True, timeout=60)

    member, stranger = ["--regid=65534", "--clear-groups"], ["--regid=65533", "--clear-groups"]
    pause = ["pause", "c", "--reason", "not mine to say"]
    assert as_user(*member, verb=["status"]).returncode == 0
    refused = as_user(*member, verb=pause)
    assert refused.returncode == 1 and "ask as root" in refused.stderr, refused
    assert as_user(*stranger, verb=["status"]).returncode == 3, "the file's mode keeps strangers out"
    assert onced.consumer()["state"] == "running"
    assert "uid=65534" in onced.log_path.read_text(), "what was refused is logged with who asked"
    oncectl(onced, *pause)
    assert "uid=0" in onced.log_path.read_text()
    os.chown(onced.socket, 0, 0)
    onced.stop()
