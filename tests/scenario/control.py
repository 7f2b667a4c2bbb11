"""
control - read-only view of a running onced: status and metrics over its control socket

The same two documents that operators get; nothing here looks into the daemon in another way.
"""

import http.client
import json
import re
import socket


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class NotReachable(Exception):
    """Nobody answers on the control socket."""


def get(path, target, timeout=5):
    """(status code, body text)"""
    connection = _UnixConnection(path, timeout)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise NotReachable(f"{path}: {error}") from error
    finally:
        connection.close()


def get_json(path, target, timeout=5):
    code, body = get(path, target, timeout)
    assert code == 200, f"GET {target} answered {code}: {body}"
    return json.loads(body)


def status(path):
    return get_json(path, "/v1/status")


def metrics(path):
    code, body = get(path, "/metrics")
    assert code == 200, f"GET /metrics answered {code}: {body}"
    return Metrics(body)


_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Metrics:
    """Prometheus text, parsed strictly: a line that is neither sample nor comment is an error."""

    def __init__(self, text):
        self.samples = []
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"type of {name} given twice"
                self.types[name] = kind
            elif line and not line.startswith("#"):
                self.samples.append(self._parse(line))
        seen = set()
        for name, labels, _ in self.samples:
            identity = (name, tuple(sorted(labels.items())))
            assert identity not in seen, f"sample given twice: {identity}"
            seen.add(identity)

    @staticmethod
    def _parse(line):
        match = _SAMPLE.match(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value = match.groups()
        found = {}
        for label, text in _LABEL.findall(labels or ""):
            found[label] = re.sub(r"\\[\\\"n]", lambda m: _ESCAPES[m.group()], text)
        return name, found, float(value)

    def select(self, name, **labels):
        return [(found, value) for sample, found, value in self.samples
                if sample == name and all(found.get(k) == str(v) for k, v in labels.items())]

    def sum(self, name, **labels):
        return sum(value for _, value in self.select(name, **labels))

    def has(self, name, **labels):
        return bool(self.select(name, **labels))

    def unaccounted(self, **labels):
        """consumed - settled - abandoned - in flight; 0 is the promise."""
        return (self.sum("onced_records_consumed_total", **labels)
                - self.sum("onced_records_settled_total", **labels)
                - self.sum("onced_records_abandoned_total", **labels)
                - self.sum("onced_in_flight", **labels))

    def settled(self, result=None, **labels):
        if result is not None:
            labels["result"] = result
        return int(self.sum("onced_records_settled_total", **labels))
