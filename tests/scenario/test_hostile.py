"""
test_hostile - what somebody writes into a record is data wherever it goes, and stays inside its line wherever it is told

Three consumers of one topic: a statement, a request and a command get the same records. All of them come twice.
"""

import json
import sys
import types
import urllib.parse

import pytest

from support import hostile
from support.http_target import HttpTarget

from . import events
from .harness import run_tool

CHILD = """
import json, os, sys
with open(os.environ["NOTES"], "a") as notes:
    for line in sys.stdin:
        event = json.loads(line)
        said = event["value"]["payload"]
        print(json.dumps([event["event_id"], said["note"], event["key"]]), file=notes, flush=True)
        reply = {"result": "reject", "code": said["note"], "reason": said["note"]} if said["n"] % 2 else {"result": "done"}
        print(json.dumps({"seq": event["seq"], **reply}), flush=True)
"""


def sections(world, target):
    child = world.directory / "child.py"
    child.write_text(CHILD)
    plain = world.sections()["consumer c"]

    def consumer(name, **more):
        return {**plain, "group.id": f"{world.group}-{name}", "dlq.topic": f"{world.dlq}.{name}", **more}

    return {
        "onced": {"log.format": "json"},
        "consumer sent": consumer("sent", handler="send", lanes=4),
        "consumer ran": consumer("ran", handler="run", lanes=4),
        "handler send": {"type": "http", "url": target.url("/in/{payload.note}?key={key}&id={event_id}"),
                         "headers.x-note": "{payload.note}"},
        "handler run": {"type": "exec", "command": f"{sys.executable} {child}", "env.NOTES": world.directory / "notes"},
        "retry": {"attempts": 2, "delay": "10ms", "delay.max": "20ms"},
    }


def produce(world):
    """{event id: note} of those that are events."""
    notes = {}
    for n, text in enumerate(hostile.TEXTS):
        event_id = f"h{n}" if "\0" in text or len(text) > 400 else f"h{n}-{text}"
        notes[event_id] = text
        # No request has a key in its URL that is no text.
        for _ in range(2):
            world.kafka.produce(world.topic, events.envelope(event_id, n, note=text), f"k{n}'\r\n\x1b&=%".encode(),
                                headers=[("x", text.encode()), ("onced-reason", b"forged")])
    for n, value in enumerate(hostile.VALUES):
        key = hostile.BYTES[n % len(hostile.BYTES)]
        world.kafka.produce(world.topic, value, key, headers=[("a\x1b[2J\nb", key), ("", b"")])
    world.kafka.flush()
    return notes


def finished(world):
    end = sum(world.kafka.end_offsets(world.topic).values())
    groups = [world.group, f"{world.group}-sent", f"{world.group}-ran"]
    return all(sum(world.kafka.committed(group, world.topic).values()) == end for group in groups)


@pytest.fixture
def attacked(world):
    """Everything that came of it, after the daemon stopped."""
    world.create_topics(partitions=2)
    dlqs = [world.dlq, f"{world.dlq}.sent", f"{world.dlq}.ran"]
    for name in dlqs[1:]:
        world.kafka.create_topic(name, 1, max_message_bytes=10_000_000)
    with HttpTarget() as target:
        seen = types.SimpleNamespace(world=world, target=target, notes=produce(world), dlqs=dlqs)
        seen.onced = world.start(sections(world, target))
        seen.onced.wait_until(lambda: finished(world), 120, "all groups are through")
        look(seen)
        seen.onced.stop()
        yield seen
    for name in dlqs[1:]:
        world.kafka.delete_topic(name)


def look(seen):
    """As somebody on call does."""
    socket, config = ("--socket", seen.onced.socket), ("-c", seen.onced.config)
    seen.shown = {}
    for words in ([*socket, "pause", "c", "--reason", "\x1b[2J\u202e<b>'; -- \x9b1m"], [*socket, "status"],
                  *([*socket, "show", "verdicts", name] for name in ("c", "sent", "ran")),
                  [*socket, "show", "consumers"], [*socket, "show", "partitions"],
                  *([*config, "dlq", "list", name] for name in seen.dlqs),
                  [*config, "dlq", "show", f"{seen.dlqs[2]}:0:0"], [*config, "dlq", "show", f"{seen.dlqs[0]}:0:0"]):
        result = run_tool(*words, program="oncectl", timeout=120)
        assert result.returncode in (0, 1), result.stderr
        seen.shown[" ".join(map(str, words[2:]))] = result.stdout + result.stderr
    seen.status = seen.onced.status()
    seen.metrics = seen.onced.metrics()


def test_hostile_records_are_data_wherever_they_go(attacked):
    they_are_in_a_statement(attacked)
    they_are_in_a_request(attacked)
    they_are_to_a_command(attacked)
    they_are_in_a_dead_letter(attacked)
    they_stay_inside_their_line(attacked)


def they_are_in_a_statement(seen):
    effects = sorted((effect.event_id, effect.note) for effect in seen.world.effects())
    # A NUL is no text to Postgres: the record's own fault.
    assert effects == sorted((i, note) for i, note in seen.notes.items() if "\0" not in note)


def they_are_in_a_request(seen):
    # What ends a line ends a header, and what is no name in a path leads elsewhere: such an event is refused.
    good = {i: n for i, n in seen.notes.items()
            if n and not {".", ".."} & set(n.split("/")) and not any((c < " " and c != "\t") or c == "\x7f" for c in n)}
    requests = list(seen.target.requests)
    got = []
    for request in requests:
        path, query = request.path.split("?", 1)
        assert path.startswith("/in/") and "/" not in path[4:] and set(path[4:]) & set("\r\n\0 ;'\"<>") == set(), path
        fields = urllib.parse.parse_qs(query, keep_blank_values=True)
        assert set(fields) == {"key", "id"}, query
        note = urllib.parse.unquote(path[4:], errors="strict")
        got.append((fields["id"][0], note))
        assert request.headers.get("x-note", "").strip(" \t") == note.strip(" \t")
        assert set(request.headers) <= {"host", "accept", "content-length", "content-type", "user-agent",
                                        "idempotency-key", "x-note", "traceparent"}, request.headers
    assert set(got) ^ set(good.items()) == set() and len(got) == len(good)


def they_are_to_a_command(seen):
    lines = [json.loads(line) for line in (seen.world.directory / "notes").read_text().splitlines()]
    assert sorted((event_id, note) for event_id, note, _ in lines) == sorted(seen.notes.items())
    assert not list(seen.world.directory.rglob("owned"))


def they_are_in_a_dead_letter(seen):
    records = {(r.partition, r.offset): r for r in seen.world.kafka.read(seen.world.topic)}
    for dlq in seen.dlqs:
        letters = seen.world.kafka.read(dlq)
        assert len(letters) >= len(hostile.VALUES)
        for letter in letters:
            origin = records[int(letter.header("onced-partition")), int(letter.header("onced-offset"))]
            assert (letter.key, letter.value) == (origin.key, origin.value)
            theirs = [h for h in origin.headers or [] if not h[0].startswith("onced-")]
            assert list(letter.headers[:len(theirs)]) == theirs
            assert [v for name, v in letter.headers if name == "onced-reason"] in (
                [b"undecodable"], [b"rejected"], [b"exhausted"])


def they_stay_inside_their_line(seen):
    for line in seen.onced.log_path.read_text().splitlines():
        assert json.loads(line)["ts"] and hostile.commands(line) == [], line
    for words, text in seen.shown.items():
        assert hostile.commands(text) == [], (words, hostile.commands(text))
    assert "forged" not in [json.loads(line)["msg"] for line in seen.onced.log_path.read_text().splitlines()]
    assert seen.metrics.sum("onced_dead_letters_total") > 0
    assert len(seen.status["consumers"]) == 3
