"""
commits - every offset commit a group ever made, as the broker wrote it down

The broker keeps commits in a topic of its own. Reading it shows each one with its time, also those
between two samples: what no client-side view can show. The format is the broker's
(OffsetCommitKey, OffsetCommitValue); an unknown version is an error, not a guess.
"""

import collections
import struct

Commit = collections.namedtuple("Commit", "at partition offset")

TOPIC = "__consumer_offsets"


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0]

    def text(self):
        size = self.take("h")
        value = self.data[self.at:self.at + size].decode()
        self.at += size
        return value


def parse(record):
    """(group, topic, Commit), or None for what is no commit: a group's members, or an end."""
    key = _Reader(record.key)
    if key.take("h") not in (0, 1):
        return None
    group, topic, partition = key.text(), key.text(), key.take("i")
    if record.value is None:
        return None
    value = _Reader(record.value)
    version = value.take("h")
    if version > 4:
        raise ValueError(f"an offset commit of unknown version {version}")
    return group, topic, Commit(record.timestamp_ms / 1000, partition, value.take("q"))


def read(kafka, group, topic, begin=None):
    """[Commit] of one group and topic in the order of the log, from the ends `begin` on."""
    found = []
    for record in kafka.read(TOPIC, begin=begin):
        parsed = parse(record)
        if parsed and parsed[:2] == (group, topic):
            found.append(parsed[2])
    return found
