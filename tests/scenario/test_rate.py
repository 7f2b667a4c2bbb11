"""
test_rate - no more records than `rate` and `rate.key` say, and no order lost for it
"""



def times(world, where="true"):
    """When the effects were committed, in seconds from the first."""
    rows = world.sql(f"SELECT extract(epoch FROM at)::float8 FROM effects WHERE {where} ORDER BY at")
    return [at - rows[0][0] for (at,) in rows]


def test_a_consumer_keeps_to_its_rate(world):
    world.create_topics(partitions=2)
    world.produce_stream(400, keys=20)
    onced = world.start({"consumer c": {"rate": "100 in 1s", "workers": 2, "lanes": 2}})
    world.finish(onced)
    # 4 s at an even pace, less the bursts of two workers.
    assert times(world)[-1] >= 3.4


def test_a_key_keeps_to_its_rate_while_others_flow(world):
    world.create_topics(partitions=2)
    for n in range(20):
        world.produce_event(f"hot-{n}", n, key=b"hot", partition=0)
    world.produce_stream(500, keys=100)
    onced = world.start({"consumer c": {"rate.key": "10 in 1s", "ordering": "key"}})
    world.finish(onced, ordering="key")
    hot = times(world, "event_id LIKE 'hot-%'")
    assert hot[-1] >= 1.8
    assert times(world, "event_id NOT LIKE 'hot-%'")[-1] < hot[-1] / 2


def test_a_key_comes_as_often_as_it_may(world):
    world.create_topics(partitions=1)
    for n in range(100):
        world.produce_event(f"hot-{n}", n, key=b"hot", partition=0)
    # With one lane nobody else looks when the next may come.
    onced = world.start({"consumer c": {"rate.key": "10 in 100ms", "ordering": "key", "lanes": 1}})
    world.finish(onced, ordering="key")
    assert 0.95 <= times(world)[-1] <= 10
