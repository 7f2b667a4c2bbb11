"""
test_sets - inserts that are sent for many events at once keep every promise that single ones keep

Rows of one statement share transaction and command number, so the table itself tells how many
statements wrote it.
"""

import pytest

STATEMENT = """INSERT INTO effects (event_id, topic, partition, "offset", key, n, note, fault)
VALUES (:event_id?, :topic, :partition, :offset, :key?, :payload.n, :payload.note?, :payload.fault?)"""
HANDLER = {"handler effect": {"statement": STATEMENT}}

# What no statement can tell beforehand: a value that a constraint refuses, one that is there already.
POISON = "ALTER TABLE effects ADD CHECK (fault IS DISTINCT FROM 'poison')"
UNIQUE = "CREATE UNIQUE INDEX ON effects (note)"


def with_sets(**consumer):
    return {**HANDLER, "consumer c": {"lanes": 2, "commit.interval": "30ms", **consumer}}


def statement_count(world):
    return world.sql("SELECT count(DISTINCT (xmin::text, cmin::text)) FROM effects")[0][0]


def assert_sets_were_used(world):
    assert statement_count(world) * 3 < world.effect_count()


@pytest.mark.failpoints
@pytest.mark.parametrize("stage", ["after_claim", "before_commit", "after_commit"])
def test_killed_once_with_sets_at(world, stage):
    world.sql(POISON)
    world.create_topics(partitions=2)
    records = world.produce_stream(1500, keys=20, duplicates=0.02)
    world.produce_event("poison", key=b"k1", fault="poison")
    records += world.produce_stream(500, keys=20, prefix="late")
    once = world.directory / "died"
    onced = world.start(with_sets(**{"batch.max": 100}), env={
        "ONCED_FAILPOINT": f"{stage}:kill:4", "ONCED_FAILPOINT_ONCE": str(once)})
    world.wait_finished(onced, 60)
    assert once.exists(), f"no process ever came to {stage}"
    assert onced.metrics().sum("onced_worker_exits_total") == 1
    onced.assert_accounted()
    onced.stop()
    evidence = world.check_finished()
    assert evidence.effect_ids == {event_id for event_id, _, _ in records}
    assert len(evidence.dead_positions) == 1
    assert_sets_were_used(world)


def test_one_poison_among_many_is_dead_alone(world):
    world.sql(POISON)
    world.create_topics(partitions=2)
    before = world.produce_stream(1000, keys=20)
    world.produce_event("poison", key=b"k3", fault="poison")
    after = world.produce_stream(1000, keys=20, prefix="after")
    onced = world.start(with_sets(ordering="key"))
    world.wait_finished(onced)
    onced.assert_accounted()
    onced.stop()
    world.check_finished(ordering="key")
    assert world.effect_count() == len(before) + len(after)
    [dead] = world.dead_letters()
    assert b'"poison"' in dead.value
    assert dict(dead.headers)["onced-code"] == b"23514"
    assert_sets_were_used(world)


def test_two_events_of_a_batch_with_one_unique_value(world):
    """The earlier one takes effect, as it would alone."""
    world.sql(UNIQUE)
    world.create_topics(partitions=1)
    world.produce_stream(100)
    for n in range(3):
        world.produce_event(f"same-{n}", n, key=b"k1", note="the same")
    world.produce_stream(100, prefix="after")
    onced = world.start(with_sets())
    world.finish(onced)
    assert world.sql("SELECT event_id FROM effects WHERE note = 'the same'") == [("same-0",)]
    assert world.effect_count() == 201
    assert len(world.dead_letters()) == 2


TRIGGER = """
CREATE TABLE fired (n bigserial);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO fired DEFAULT VALUES; RETURN NULL; END';
CREATE TRIGGER fire AFTER INSERT ON effects FOR EACH STATEMENT EXECUTE FUNCTION fire();
"""


def test_a_table_with_a_trigger_gets_its_statements_one_by_one(world):
    world.sql(TRIGGER)
    world.create_topics(partitions=2)
    world.produce_stream(300, keys=20)
    onced = world.start(with_sets())
    world.finish(onced)
    assert statement_count(world) == world.effect_count() == 300
    assert world.sql("SELECT count(*) FROM fired") == [(300,)]


def test_a_trigger_that_comes_later_fires_for_each_event_at_once(world):
    world.create_topics(partitions=2)
    world.produce_stream(600, keys=20)
    onced = world.start(with_sets())
    world.wait_finished(onced)
    assert_sets_were_used(world)
    world.sql(TRIGGER)
    world.produce_stream(600, keys=20, prefix="after")
    world.finish(onced)
    assert world.effect_count() == 1200
    assert world.sql("SELECT count(*) FROM fired") == [(600,)]


def test_a_comment_keeps_a_statement_to_itself(world):
    world.create_topics(partitions=1)
    world.produce_stream(200)
    onced = world.start({"handler effect": {"statement": STATEMENT + " /* one by one */"}})
    world.finish(onced)
    assert statement_count(world) == world.effect_count() == 200
