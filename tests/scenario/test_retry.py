"""
test_retry - a failing record waits for its turn and holds back only its strand
"""

import pytest

SLOW_RETRY = {"attempts": 0, "delay": "300ms", "delay.max": "300ms", "jitter": "none"}


@pytest.mark.parametrize("ordering", ["partition", "key"])
def test_parked_strand_blocks_only_itself(world, ordering):
    partitions = 2 if ordering == "partition" else 1
    world.create_topics(partitions=partitions)
    world.sql("INSERT INTO gates VALUES ('g', '23503')")
    for n in range(500):
        stuck = {"fault": "gate:g"} if n == 249 else {}
        world.produce_event(f"stuck-{n}", n, key=b"stuck", partition=0, **stuck)
        world.produce_event(f"free-{n}", n, key=b"free", partition=partitions - 1)
    world.kafka.flush()
    onced = world.start({"retry": SLOW_RETRY, "consumer c": {"ordering": ordering, "lanes": 2}})
    onced.wait_until(lambda: applied(world, "free") == 500, 60, "the other strand is done")
    onced.wait_metric(3, "onced_retries_total")
    assert applied(world, "stuck") == 249
    assert world.sql("SELECT max(n) FROM effects WHERE event_id LIKE 'stuck%%'") == [(248,)]
    assert onced.metrics().sum("onced_parked") >= 1
    world.check_always(ordering)
    world.sql("DELETE FROM gates")
    world.finish(onced, ordering=ordering)
    assert applied(world, "stuck") == 500


def applied(world, prefix):
    return world.sql("SELECT count(*) FROM effects WHERE event_id LIKE %s", (f"{prefix}-%",))[0][0]


def test_flaky_record_succeeds_after_its_retries(world):
    world.create_topics()
    for n in range(20):
        world.produce_event(f"e{n}", n, **({"fault": "flaky:2:23503"} if n in (3, 11) else {}))
    world.kafka.flush()
    onced = world.start({"retry": {"attempts": 5}})
    world.wait_finished(onced)
    assert onced.metrics().sum("onced_retries_total") == 4
    assert onced.metrics().sum("onced_dead_letters_total") == 0
    world.finish(onced)
    assert world.effect_count() == 20


def test_attempts_survive_a_restart(world):
    world.create_topics(partitions=2)
    world.produce_event("bad", fault="23503", partition=0)
    world.kafka.flush()
    onced = world.start({"retry": {"attempts": 6, "delay": "400ms", "delay.max": "400ms", "jitter": "none"}})
    onced.wait_metric(3, "onced_retries_total")
    onced.stop()
    [(before,)] = world.sql("SELECT last_value FROM calls")
    onced.start()
    world.produce_event("witness", partition=1)
    world.kafka.flush()
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.check_finished().dead_letters
    assert letter.header("onced-reason") == b"exhausted"
    attempts = int(letter.header("onced-attempts"))
    assert attempts == 6
    # The calls made are the attempts counted, the witness's one aside: none was forgotten.
    [(calls,)] = world.sql("SELECT last_value FROM calls")
    assert before >= 3
    assert calls - 1 <= 6 * 2, "more tries than a policy of six allows, redone batches included"


def test_exhausted_waits_for_a_witness(world):
    """Nothing else succeeds: that may be an outage, and the record is kept until its deadline."""
    world.create_topics()
    world.produce_event("alone", fault="23503")
    world.kafka.flush()
    onced = world.start({"retry": {"attempts": 2, "delay": "50ms", "delay.max": "100ms", "jitter": "none",
                                   "deadline": "1h"}})
    onced.wait_metric(6, "onced_retries_total")
    assert onced.metrics().sum("onced_dead_letters_total") == 0
    onced.stop()
    assert world.dead_letters() == []


def test_deadline_ends_a_record_without_a_witness(world):
    world.create_topics()
    world.produce_event("alone", fault="23503")
    world.kafka.flush()
    onced = world.start({"retry": {"attempts": 2, "delay": "50ms", "delay.max": "100ms", "deadline": "2s"}})
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.check_finished().dead_letters
    assert letter.header("onced-reason") == b"exhausted"


def test_overrides_change_the_verdict(world):
    world.create_topics()
    world.produce_event("first", fault="XX001")
    world.produce_event("second")
    world.kafka.flush()
    onced = world.start({"handler effect": {"reject.on": "XX001"}})
    world.wait_finished(onced)
    onced.stop()
    [letter] = world.check_finished().dead_letters
    assert (letter.header("onced-reason"), letter.header("onced-code")) == (b"rejected", b"XX001")
