"""
test_filter - records that are not for the handler are settled as skipped, whatever they hold
"""

from . import events

FILTER = """header:kind = order | refund,
    json:payload.note != test, key present"""


def test_records_that_the_filter_keeps_out_are_skipped_and_leave_no_row(world):
    world.create_topics(partitions=2)
    wanted = set()
    for n in range(300):
        kind = (b"order", b"refund", b"audit")[n % 3]
        note = "test" if n % 5 == 0 else "real"
        key = None if n % 7 == 0 else b"k%d" % (n % 11)
        # What the header keeps out may be anything.
        value = b"\x00\x01 no json" if kind == b"audit" else events.envelope(f"e{n}", n, note=note)
        world.kafka.produce(world.topic, value, key, headers=[("kind", kind)], partition=n % 2)
        if kind != b"audit" and note == "real" and key:
            wanted.add(f"e{n}")
    world.kafka.flush()
    onced = world.start({"consumer c": {"filter": FILTER}})
    world.wait_finished(onced)
    onced.assert_accounted()
    shown = onced.metrics()
    assert (shown.settled("done"), shown.settled("skipped")) == (len(wanted), 300 - len(wanted))
    onced.stop()
    assert {e.event_id for e in world.effects()} == wanted
    assert world.effect_count() == len(wanted)
    assert world.dead_letters() == []
    assert world.sql("SELECT count(*) FROM onced.processed_events")[0][0] == len(wanted)
    assert "do not meet its filter" in onced.log_path.read_text()
