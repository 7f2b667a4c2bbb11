"""
eventlog - the lines a daemon wrote, as fields

Only what is promised is read from it: that every exit of a worker is told in one sentence with its
process id, and its cause as a field.
"""

import collections
import datetime
import re

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
LOST = ("offset was lost", "partition added later, its beginning; earlier records are gone")
_OBITUARY = re.compile(r"^worker (\S+)/(\d+) \(pid (\d+)\) ")

Exit = collections.namedtuple("Exit", "at slot pid cause text holding")


def fields(line):
    found = {}
    for name, value in _FIELD.findall(line):
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[name] = value
    return found


def lines(path):
    """Each line as fields; what has no time (another program's words) is left out."""
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            found = fields(line)
            if "ts" in found and "msg" in found:
                yield found


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def exits(path):
    """[Exit]: the obituaries of workers."""
    found = []
    for line in lines(path):
        match = _OBITUARY.match(line["msg"])
        if match and "cause" in line:
            text = line["msg"]
            found.append(Exit(seconds(line["ts"]), int(match[2]), int(match[3]), line["cause"], text,
                              ", holding " in text and ", holding no record" not in text))
    return found


def told_lost(path, topic, since=0.0):
    """Partitions of which the log says since then that their next offset is not in the topic any more."""
    found = set()
    for line in lines(path):
        if line.get("topic") != topic or seconds(line["ts"]) < since:
            continue
        is_told = line["msg"] in ("offset out of range", "partition held: its offset is lost") or (
            line["msg"] == "partition starts" and line.get("why", "").startswith(LOST))
        if is_told:
            found.add(int(line["partition"]))
    return found
