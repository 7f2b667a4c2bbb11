"""
test_reload - another configuration for a onced that works, with the effects counted

Two consumers read the same topic: what is done to one must not be felt by the other.
"""

import json
import resource
import shutil
import signal
import time

import pytest

from support.process import send_signal, wait_for
from . import forwarding
from .harness import BUILD, merge, slowness
from .meanwhile import Meanwhile
from .operate import Load, asked, oncectl, stands_still
from .tiers import Tiers

OTHER = {"handler": "note", "dlq.topic": "none", "retry": "own", "commit.interval": "100ms"}


def sections(world, workers=2):
    return {
        "consumer c": {"workers": workers},
        "consumer other": {**OTHER, "topics": world.topic, "group.id": f"{world.group}-other",
                           "instance.id": "other-%n"},
        "handler note": {"type": "log"},
        "retry own": {"attempts": 3},
    }


def change(onced, changes):
    """A key set to None is taken out, as a section is."""
    merged = merge(onced.sections, changes)
    onced.sections = {name: {key: value for key, value in keys.items() if value is not None}
                      for name, keys in merged.items()}
    onced.write_config()


def pids(onced, name="c"):
    return {w["slot"]: w["pid"] for w in onced.workers(name)}


def done_to(answer):
    """What was done to each consumer, and to how many of its workers."""
    assert answer["state"] == "done", answer
    assert all(entry["done"] == entry["workers"] for entry in answer["consumers"]), answer
    return {entry["name"]: (entry["action"], entry["workers"]) for entry in answer["consumers"]}


def reload(onced, changes):
    change(onced, changes)
    began = time.monotonic()
    answer = asked(onced, "reload", "--wait", "--timeout", f"{60 * slowness():.0f}s")
    print(f"{json.dumps(changes)}: {time.monotonic() - began:.2f} s")
    return done_to(answer)


class Pulse(Meanwhile):
    """The longest time in which a consumer settled nothing."""

    def __init__(self, onced, name):
        super().__init__()
        self.onced, self.name = onced, name
        self.longest = 0.0
        self.count, self.since = -1, time.monotonic()

    def step(self):
        now = self.onced.metrics().sum("onced_records_settled_total", consumer=self.name)
        if now != self.count:
            self.count, self.since = now, time.monotonic()
        self.longest = max(self.longest, time.monotonic() - self.since)


def test_each_class_of_key(world):
    world.create_topics(partitions=4)
    extra = f"{world.topic}-extra"
    world.kafka.create_topic(extra, 1)
    onced = world.start(sections(world))
    onced.wait_assigned(4)
    onced.wait_assigned(4, name="other")
    other = pids(onced, "other")
    quiet = ("unchanged", 0)

    def step(changes, expected):
        """Reload; the other consumer is as untouched as it can be."""
        before = pids(onced)
        assert reload(onced, changes) == {"c": expected, "other": quiet}
        after = pids(onced)
        assert pids(onced, "other") == other
        return {slot for slot in before if before[slot] == after.get(slot)}

    with Load(world, "a"):
        world.wait_effects(50)
        with Pulse(onced, "other") as pulse:
            assert step({"retry own": {"attempts": "3"}}, quiet) == {0, 1}
            assert step({"onced": {"log.level": "info", "worker.max.records": 10**9}}, quiet) == {0, 1}
            for added_changed_removed in (4, 5, None):
                assert step({"consumer c": {"quarantine.after": added_changed_removed}}, quiet) == {0, 1}
            for added_changed_removed in (50, 60, None):
                assert step({"consumer c": {"batch.max": added_changed_removed}}, ("rolled", 2)) == set()
            for added_removed in ("9s", None):
                assert step({"handler effect": {"timeout": added_removed}}, ("rolled", 2)) == set()
            assert step({"consumer c": {"topics": f"{world.topic}, {extra}"}}, ("replaced", 2)) == set()
            onced.wait_until(lambda: (extra, 0) in onced.partitions(), 30, "the new topic is read")
            assert step({"consumer c": {"topics": world.topic}}, ("replaced", 2)) == set()
            assert step({"consumer c": {"workers": 1}}, ("resized", 1)) == {0}
            assert step({"consumer c": {"workers": 3}}, ("resized", 2)) == {0}
            assert step({"consumer c": {"workers": None}}, ("resized", 2)) == {0}
            onced.wait_assigned(4)
            for added_changed_removed in ("renamed-%n", "again-%n", None):
                assert step({"consumer c": {"instance.id": added_changed_removed}}, ("replaced", 1)) == set()
                onced.wait_assigned(4)
        print(f"the other consumer never stood still for more than {pulse.longest:.2f} s")
        assert pulse.longest < 2 * slowness()

        more = {**OTHER, "topics": world.topic, "group.id": f"{world.group}-more", "offset.initial": "latest"}
        assert reload(onced, {"consumer more": more})["more"] == ("started", 1)
        assert reload(onced, {"consumer more": None})["more"] == ("drained", 1)
        assert onced.metrics().sum("onced_worker_exits_total", consumer="more", cause="drained") == 1
        assert pids(onced, "other") == other

        before = pids(onced)
        change(onced, {"onced": {"log.format": "json"}})
        said = asked(onced, "reload")
        assert said["needs_restart"] == ["log.format"] and pids(onced) == before
        change(onced, {"onced": {"log.format": "logfmt"}, "kafka": {"fetch.wait.max.ms": 77}})
        assert "rolls" in oncectl(onced, "show", "config", "--diff")
        assert done_to(asked(onced, "reload", "--wait")) == {"c": ("rolled", 1), "other": ("rolled", 1)}
        assert "that of the file" in oncectl(onced, "show", "config", "--diff")
    onced.wait_assigned(4)
    world.finish(onced)
    world.kafka.delete_topic(extra)


def test_what_is_wrong_changes_nothing(world):
    world.create_topics(partitions=2)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(2)
    good = onced.sections
    wrong = [
        ({"consumer c": {"batch.max": "many", "lanez": 2}}, ["batch.max", "lanez", f"{onced.config}:"]),
        ({"handler effect": {"statement": "INSERT INTO nowhere VALUES (:event_id)"}}, ["nowhere"]),
        ({"onced": {"store": "postgresql://127.0.0.1:1/away"}}, ["consumer c"]),
        ({"kafka": {"fetch.wait.max.ms": "soon"}}, ["fetch.wait.max.ms"]),
    ]
    with Load(world, "w", rate=200):
        world.wait_effects(20)
        before = pids(onced)
        for changes, words in wrong:
            onced.sections = good
            change(onced, changes)
            said = asked(onced, "reload", "--wait", expect=1)
            text = "\n".join(said["errors"])
            print(text)
            assert said["state"] == "refused" and all(word in text for word in words), text
        assert onced.config.read_text() and "batch.max" not in oncectl(onced, "show", "config", "--non-default")
        count = world.effect_count()
        world.wait_effects(count + 20)
        assert pids(onced) == before
        onced.sections = good
        onced.write_config()
        send_signal(onced.pid, signal.SIGHUP)
        wait_for(lambda: "the configuration was reloaded" in onced.log_path.read_text(), 20 * slowness(), "HUP reloads")
        assert pids(onced) == before
    world.finish(onced)


# A sanitizer needs more address space than any limit leaves.
@pytest.mark.release
def test_without_memory_it_changes_nothing(world):
    """The supervisor's address space is limited for a while, workers' is not."""
    world.create_topics()
    onced = world.start()
    onced.wait_assigned(1)
    before = (onced.pid, pids(onced))
    with open(f"/proc/{onced.pid}/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    good = onced.sections
    change(onced, {"handler large": {"type": "sql", "statement": f"SELECT '{'x' * (700 << 10)}'"}})
    resource.prlimit(onced.pid, resource.RLIMIT_AS, (size + (256 << 10), resource.RLIM_INFINITY))
    said = asked(onced, "reload", "--wait", expect=1)
    assert said["state"] == "refused" and "memory" in "\n".join(said["errors"])
    world.produce_stream(20)
    world.wait_effects(20)
    resource.prlimit(onced.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (onced.pid, pids(onced)) == before
    onced.sections = good
    assert reload(onced, {"consumer c": {"batch.max": 7}}) == {"c": ("rolled", 1)}
    world.finish(onced)


def test_another_plugin(world):
    world.create_topics()
    world.sql("CREATE TABLE words (word text PRIMARY KEY, count int NOT NULL)")
    paths = [world.directory / name for name in ("first.so", "second.so")]
    for path in paths:
        shutil.copyfile(BUILD / "tests" / "support" / "plugins" / "word_count.so", path)
        path.chmod(0o644)
    handler = {"type": "plugin", "path": str(paths[0]), "path.word": "event_id"}
    onced = world.start({"consumer c": {"handler": "count"}, "handler count": handler})
    onced.wait_assigned(1)
    world.produce_stream(100, prefix="first")
    change(onced, {"handler count": {"path": str(world.directory / "none.so")}})
    assert "none.so" in "\n".join(asked(onced, "reload", expect=1)["errors"])
    assert reload(onced, {"handler count": {"path": str(paths[1])}}) == {"c": ("rolled", 1)}
    with open(f"/proc/{onced.worker_pids()[0]}/maps") as maps:
        mapped = maps.read()
    assert "second.so" in mapped and "first.so" not in mapped
    world.produce_stream(100, prefix="second")
    world.wait_finished(onced)
    assert world.sql("SELECT count(*), max(count) FROM words") == [(200, 1)]
    onced.stop()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_killed_in_the_middle(world, paused):
    world.create_topics(partitions=2)
    onced = world.start({"consumer c": {"workers": 2}})
    onced.wait_assigned(2)
    world.produce_stream(300)
    world.wait_effects(50)
    if paused:
        oncectl(onced, "pause", "c", "--reason", "tea")
    change(onced, {"consumer c": {"batch.max": 7}})
    asked(onced, "reload")
    send_signal(onced.pid, signal.SIGKILL)
    onced.wait_exit()
    wait_for(lambda: not onced.pids(), 20 * slowness(), "its workers drain")
    onced.start()
    onced.wait_assigned(2, 40)
    assert "batch.max = 7" in oncectl(onced, "show", "config")
    world.produce_stream(100, prefix="later")
    if paused:
        assert onced.consumer()["state"] == "paused" and stands_still(world)
        oncectl(onced, "resume", "c")
    world.finish(onced)


def test_transactions_are_switched_on_and_off(world):
    """Each event is written once throughout, with a worker killed while there are transactions."""
    world.create_topics(partitions=2)
    target = world.kafka.create_topic(f"{world.name}.out", 2)
    onced = world.start(forwarding.sections(target, consumer={"workers": 2, "transactional": "no"}))
    onced.wait_assigned(2)

    def wait_more():
        forwarding.wait_committed(world, forwarding.committed(world) + 40)

    with Load(world, "t", rate=100) as load:
        wait_more()
        for word in ("yes", "no", "yes"):
            assert reload(onced, {"consumer c": {"transactional": word}}) == {"c": ("rolled", 2)}
            wait_more()
        send_signal(onced.worker_pids()[0], signal.SIGKILL)
        wait_more()
    forwarding.finish(world, onced)
    forwarding.check_never_ahead(world, target)
    forwarding.check_once(world, target, [(f"t-{n}",) for n in range(load.count)])
    onced.stop()
    assert world.dead_letters() == []
    world.kafka.delete_topic(target)


def test_retry_topics_come_and_go_while_records_wait_in_them(world):
    world.create_topics(partitions=2)
    tiers = Tiers(world)
    tiers.use({"300ms": 300, "2s": 2000})
    tiers.create()
    onced = world.start({"consumer c": {"ordering": "none", "batch.max": 1}})
    onced.wait_assigned(2)
    waited = list(tiers.topics)[1]
    records = 0

    def fail_once(name, count=6):
        nonlocal records
        for n in range(count):
            world.produce_event(f"{name}-{n}", n, partition=n % 2, fault="flaky:1:23503")
        world.kafka.flush()
        records += count

    def use(topics):
        assert reload(onced, {"consumer c": {"retry.topics": topics}}) == {"c": ("replaced", 1)}

    with Load(world, "l", rate=100) as load:
        fail_once("in-place")
        world.wait_effects(6)
        use("2s")
        fail_once("first")
        onced.wait_until(lambda: len(tiers.records()) >= 6, 30, "they wait")
        use("300ms, 2s")  # another one before it
        fail_once("second")
        onced.wait_until(lambda: len(tiers.records()) >= 12, 30, "they wait")
        onced.wait_until(lambda: tiers.lag() == 0, 60, "they are done")
        use("2s")
        fail_once("third")
        onced.wait_until(lambda: world.kafka.lag(world.group, waited) == 6, 30, "they wait")
        use("off")  # nobody reads them
        fail_once("fourth")
        world.wait_effects(24)
        use("2s")
        onced.wait_until(lambda: tiers.lag() == 0, 60, "what waited goes on")
    tiers.wait_finished(onced)
    world.finish(onced, ordering="none")
    assert world.effect_count() == records + load.count
    assert world.dead_letters() == []
    tiers.close()
