"""
test_dedup - what a person sees of the ids, and makes the store forget; migrations looked at before they run
"""

import json

from .harness import run_tool


def ctl(onced, *arguments):
    return run_tool("-c", onced.config, *arguments, program="oncectl")


def test_an_event_is_looked_at_and_forgotten_by_a_person(world):
    world.create_topics()
    world.produce_event("e1")
    world.produce_event("bad", fault="22012")
    world.kafka.flush()
    onced = world.start()
    world.wait_finished(onced)
    row = json.loads(ctl(onced, "dedup", "check", "e1", "--json").stdout)
    assert (row["outcome"], row["topic"], row["offset"]) == ("done", world.topic, 0)
    assert json.loads(ctl(onced, "dedup", "check", "bad", "--json").stdout)["outcome"] == "dlq"
    assert ctl(onced, "dedup", "check", "nobody").returncode == 1
    assert ctl(onced, "dedup", "forget", "e1", "--reason", "test").returncode == 1, "nobody confirmed it"
    world.produce_event("e1")
    world.kafka.flush()
    world.wait_finished(onced)
    assert world.effect_count() == 1
    done = ctl(onced, "dedup", "forget", "e1", "--reason", "applied in error", "--yes")
    assert done.returncode == 0 and "applied in error" in done.stderr
    world.produce_event("e1")
    world.kafka.flush()
    world.wait_finished(onced)
    assert world.effect_count() == 2
    onced.stop()


def test_migrations_are_shown_before_they_run(world):
    world.create_topics()
    onced = world.onced({"onced": {"store.migrate": "no"}})
    onced.write_config()
    status = json.loads(ctl(onced, "migrate", "--status", "--json").stdout)
    assert status["version"] == 0 and len(status["pending"]) == status["known"]
    assert "CREATE TABLE onced.processed_events" in ctl(onced, "migrate", "--dry-run").stdout
    assert json.loads(ctl(onced, "migrate", "--status", "--json").stdout) == status, "nothing was changed"
    assert ctl(onced, "migrate", "--partitions", "4").returncode == 0
    assert json.loads(ctl(onced, "migrate", "--status", "--json").stdout)["pending"] == []
    world.produce_stream(300, keys=20, duplicates=0.05)
    onced.start()
    world.finish(onced)
    world.sql("INSERT INTO onced.schema_version (version) VALUES (1000)")
    newer = ctl(onced, "migrate", "--status")
    assert newer.returncode == 1 and "1000" in newer.stdout
    assert ctl(onced, "migrate").returncode == 1
