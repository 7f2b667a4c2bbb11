"""
test_keeping - a consumer says at start when it forgets ids before the broker forgets what may bring them back
"""

import re

from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType)
import pytest

from support.servers import Kafka

DAY_MS = 86_400_000
SAID = ("dedup.retention", "the retry topic ", "the dead-letter topic ")


def told(onced, level):
    """{topic or "": message} of what was said about retention."""
    found = {}
    for line in onced.log_path.read_text(errors="replace").splitlines():
        if f"level={level}" in line and any(words in line for words in SAID):
            topic = re.search(r" topic=(\S+)", line)
            name = topic[1] if topic else ""
            assert name not in found, f"said twice: {line}"
            found[name] = line
    return found


def consumer(topics, retention):
    return {"consumer c": {"topics": ", ".join(topics), "dedup.retention": retention, "workers": 2}}


def test_topics_that_outlast_the_ids_are_named(world):
    world.create_topics()
    kinds = {"shorter": {"retention_ms": DAY_MS}, "longer": {"retention_ms": 30 * DAY_MS},
             "kept": {"retention_ms": -1}, "compacted": {"cleanup_policy": "compact", "retention_ms": DAY_MS}}
    names = {kind: world.kafka.create_topic(f"{world.topic}.{kind}", 1, **config) for kind, config in kinds.items()}
    # in this order they are asked about
    onced = world.start(consumer(names.values(), "7d"))
    onced.wait_until(lambda: names["compacted"] in told(onced, "warning"), 30, "all topics were asked about")
    found = told(onced, "warning")
    assert set(found) == {names["longer"], names["kept"], names["compacted"]}
    assert "raise dedup.retention" in found[names["longer"]] and "topic_retention=30d" in found[names["longer"]]
    assert "for ever" in found[names["kept"]] and "cleanup.policy" in found[names["compacted"]]
    onced.stop()
    for name in names.values():
        world.kafka.delete_topic(name)


def test_offsets_that_outlast_the_ids_are_told(world):
    world.kafka.create_topic(world.topic, 1, retention_ms=DAY_MS)
    world.kafka.create_topic(world.dlq, 1)
    world.produce_stream(20)
    onced = world.start(consumer([world.topic], "1d"))
    onced.wait_until(lambda: "" in told(onced, "warning"), 30, "the offsets were asked about")
    assert "offsets_retention=7d" in told(onced, "warning")[""]
    assert set(told(onced, "warning")) == {""}
    world.finish(onced)


def test_topics_that_forget_what_waits_in_them_are_named(world):
    """Dead letters keep their record's time; what waits in a retry topic must outlast its delay."""
    world.kafka.create_topic(world.topic, 1, retention_ms=30 * DAY_MS)
    world.kafka.create_topic(world.dlq, 1, retention_ms=7 * DAY_MS)
    tiers = {name: f"{world.group}.retry.{name}" for name in ("10s", "1m", "10m", "1h")}
    for name, config in (("10s", {"retention_ms": DAY_MS}), ("1m", {"retention_ms": 60_000}),
                         ("10m", {"cleanup_policy": "compact"}), ("1h", {"retention_ms": -1})):
        world.kafka.create_topic(tiers[name], 1, **config)
    onced = world.start({"consumer c": {"ordering": "none", "retry.topics": ", ".join(tiers),
                                        "dedup.retention": "off"}})
    onced.wait_until(lambda: tiers["10m"] in told(onced, "warning"), 30, "all topics were asked about")
    found = told(onced, "warning")
    assert set(found) == {world.dlq, tiers["1m"], tiers["10m"]}
    assert "topic_retention=7d" in found[world.dlq] and "LogAppendTime" in found[world.dlq]
    assert "delay=1m" in found[tiers["1m"]] and "before it is due" in found[tiers["1m"]]
    assert "compacted" in found[tiers["10m"]]
    onced.stop()
    for topic in tiers.values():
        world.kafka.delete_topic(topic)


@pytest.fixture
def guarded():
    """A broker that asks for rights."""
    server = Kafka(settings={"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                             "allow.everyone.if.no.acl.found": "true"}).start()
    yield server
    server.close()


def test_who_may_not_ask_is_told_once_and_works(world, guarded):
    guarded.create_topic(world.topic, 1)
    guarded.create_topic(world.dlq, 1)
    rights = [AclBinding(kind, name, ResourcePatternType.LITERAL, "User:*", "*", operation, permission)
              for kind, name in ((ResourceType.TOPIC, world.topic), (ResourceType.BROKER, "kafka-cluster"))
              for operation, permission in ((AclOperation.ALL, AclPermissionType.ALLOW),
                                            (AclOperation.DESCRIBE_CONFIGS, AclPermissionType.DENY))]
    for future in guarded.admin.create_acls(rights).values():
        future.result()
    world.kafka = guarded
    world.produce_stream(20)
    onced = world.start(consumer([world.topic], "1d"))
    world.wait_finished(onced)
    onced.wait_until(lambda: told(onced, "info"), 30, "that it cannot be known is told")
    assert "DescribeConfigs" in told(onced, "info")[""] and "authorization failed" in told(onced, "info")[""].lower()
    assert not told(onced, "warning")
    world.finish(onced)
