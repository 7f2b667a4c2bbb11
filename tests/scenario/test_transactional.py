"""
test_transactional - events forwarded in Kafka transactions: read_committed readers see each of them once
"""

import collections
import itertools
import signal

import pytest

from support.process import send_signal, state_of, wait_for

from . import checker
from .forwarding import check_never_ahead, check_once, finish, sections, wait_committed
from .harness import run_tool, slowness
from .operate import oncectl

COUNT = 3000
POISON = "poison"


@pytest.fixture
def target(world):
    name = f"{world.name}.out"
    world.kafka.create_topic(name, 3, max_message_bytes=20_000)
    yield name
    world.kafka.start()
    world.kafka.delete_topic(name)


def has_aborted(onced):
    return "transaction aborted, its records come again" in onced.log_path.read_text(errors="replace")


def test_kills_and_a_rebalance_repeat_nothing(world, target):
    world.create_topics(partitions=4)
    made = world.produce_stream(COUNT, keys=60)
    onced = world.start(sections(target, consumer={"workers": 2}))
    other = None
    for step in range(1, 6):
        wait_committed(world, step * 350)
        check_never_ahead(world, target)
        if step == 3:
            other = world.start(sections(target, consumer={"instance.id": "other-%n"}))
            other.wait_until(lambda: other.partitions(), 60, "the other one has partitions")
        pids = onced.worker_pids()
        send_signal(pids[step % len(pids)], signal.SIGKILL)
    finish(world, onced)
    check_once(world, target, made)
    other.stop()
    onced.stop()
    assert world.dead_letters() == []


@pytest.mark.failpoints
@pytest.mark.parametrize("point", [
    "before_transaction_offsets", "before_transaction_commit", "after_transaction_commit", "before_settle"])
def test_dying_at_each_step_repeats_nothing(world, target, point):
    world.create_topics(partitions=2)
    made = world.produce_stream(400, keys=20)
    once = world.directory / "died"
    onced = world.start(sections(target), env={
        "ONCED_FAILPOINT": f"{point}:kill:3", "ONCED_FAILPOINT_ONCE": str(once)})
    finish(world, onced)
    check_once(world, target, made)
    assert once.exists(), "it died there"
    onced.stop()


@pytest.mark.failpoints
@pytest.mark.parametrize("point, others_do", [
    ("before_transaction_offsets", 200), ("before_transaction_commit", 600)], ids=["session", "transaction"])
def test_a_zombie_commits_nothing(world, target, point, others_do):
    """Stopped in a transaction for longer than its session, and then than its transaction, too."""
    world.create_topics(partitions=2)
    made = world.produce_stream(600, keys=30)
    settings = sections(target, consumer={"instance.id": "off", "batch.max": 10, "revoke.timeout": "1s"})
    settings["kafka"] = {"session.timeout.ms": 3000}
    once = world.directory / "stopped"
    zombie = world.start(settings, env={"ONCED_FAILPOINT": f"{point}:stop:10", "ONCED_FAILPOINT_ONCE": str(once)})
    wait_for(once.exists, 60 * slowness(), "it stops itself")
    frozen, [worker] = zombie.pids(), zombie.worker_pids()
    for pid in frozen:
        send_signal(pid, signal.SIGSTOP)
    heir = world.start(settings)
    heir.wait_assigned(2, 60)
    wait_committed(world, others_do)
    send_signal(worker, signal.SIGCONT)  # alone: its supervisor would end it as one that hung
    wait_for(lambda: state_of(worker) == "Z" or has_aborted(zombie), 60 * slowness(), "it is refused")
    finish(world, heir)
    for pid in frozen:
        send_signal(pid, signal.SIGCONT)
    zombie.wait_ready(60)
    check_never_ahead(world, target)
    check_once(world, target, made)
    heir.stop()
    zombie.stop()


def test_a_broker_that_restarts_loses_and_repeats_nothing(world, target):
    world.create_topics(partitions=3)
    made = world.produce_stream(2000, keys=40)
    onced = world.start(sections(target))
    wait_committed(world, 300)
    world.kafka.restart(graceful=False)
    finish(world, onced, 180)
    check_once(world, target, made)
    onced.stop()


def test_dead_letters_are_in_the_transaction_of_their_batch(world, target):
    """Refused by the handler, by the target, and not decodable: each a dead letter, once, whoever dies."""
    world.create_topics(partitions=2)
    numbers_of = itertools.count()
    made, poison = [], set()
    for n in range(300):
        event_id, key = f"e{n}", f"k{n % 20}".encode()
        if n % 97 == 5:
            world.produce_event(event_id, next(numbers_of), key, note="x" * 30_000, must="y")
            poison.add(event_id)
        elif n % 89 == 7:
            world.produce_event(event_id, next(numbers_of), key)
            poison.add(event_id)
        else:
            world.produce_event(event_id, next(numbers_of), key, must="y")
            made.append((event_id,))
    world.kafka.flush()
    onced = world.start(sections(target, {"headers.must": "{payload.must}"}))
    for step in (60, 150):
        wait_committed(world, step)
        send_signal(onced.worker_pids()[0], signal.SIGKILL)
    finish(world, onced)
    check_once(world, target, made)
    letters = collections.Counter(checker.event_id_of_dead_letter(letter) for letter in world.dead_letters())
    assert letters == collections.Counter(poison)
    assert {dict(letter.headers)["onced-code"] for letter in world.dead_letters()} == {b"too-large", b"missing"}
    onced.wait_metric(1, "onced_dead_letters_total", 30)
    onced.stop()


def test_a_missing_dead_letter_topic_holds_the_strand_alone(world, target):
    world.create_topics(partitions=2, dlq_partitions=0)
    for n in range(200):
        world.produce_event(f"e{n}", n, b"k%d" % (n % 2), partition=n % 2, **({} if n == 100 else {"must": "y"}))
    world.kafka.flush()
    onced = world.start(sections(target, {"headers.must": "{payload.must}"}))
    wait_committed(world, 150)
    onced.wait_metric(1, "onced_held", 60)
    assert world.committed()[(world.topic, 0)] == 50
    world.kafka.create_topic(world.dlq)
    finish(world, onced)
    check_once(world, target, [(f"e{n}",) for n in range(200) if n != 100])
    assert [checker.event_id_of_dead_letter(letter) for letter in world.dead_letters()] == ["e100"]
    onced.stop()


def test_skipping_the_record_whose_letter_is_refused_ends_the_trouble(world, target):
    world.create_topics(dlq_partitions=0)
    for n in range(3):
        world.produce_event(f"e{n}", n, **({} if n == 1 else {"must": "y"}))
    world.kafka.flush()
    onced = world.start(sections(target, {"headers.must": "{payload.must}"}))
    onced.wait_until(lambda: onced.workers()[0]["dlq_down"], 60, "its dead letter is refused")
    oncectl(onced, "skip", "c", f"{world.topic}:0:1", "--reason", "it is worth no letter")
    onced.wait_until(lambda: not onced.workers()[0]["dlq_down"], 30, "no letter waits any more")
    finish(world, onced)
    check_once(world, target, [("e0",), ("e2",)])
    onced.stop()


def test_what_cannot_be_in_a_transaction_is_refused_at_the_start(world, target):
    for change, said in (
            ({"consumer": {"ordering": "key"}}, "needs ordering = partition"),
            ({"consumer": {"lanes": 4}}, "one lane"),
            ({"onced": {"store": "memory:"}}, "needs store = none:"),
            ({"handler": {"type": "log", "topic": None, "headers.event_id": None}}, "of type log")):
        config = world.onced(sections(target, **change)).write_config()
        done = run_tool("-c", config, "--check-config")
        assert done.returncode != 0 and said in done.stderr, done.stderr
