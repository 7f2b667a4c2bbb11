"""
service - an HTTP service that applies events: once for each request, whatever it knows

It remembers nothing on purpose, so that each repeat shows. What an event asks for in `fault` it does: takes
its time, fails by chance, rejects.
"""

import json
import random
import time
import urllib.parse

from support.http_target import HttpTarget, slow


class Service(HttpTarget):
    def __init__(self):
        super().__init__()
        self.effects = []  # (event id, topic, partition, offset, key, at, owner)

    def action_for(self, request):
        word, _, value = self._fault(request.body).partition(":")
        if word == "sleep":
            return slow(float(value))
        if word == "chance":
            return 503 if random.random() < float(value.split(":")[0]) else 200
        return 422 if word else 200

    @staticmethod
    def _fault(body):
        try:
            return str(json.loads(body)["payload"].get("fault") or "")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return ""

    def note_done(self, request):
        position = request.headers["x-position"]
        topic, partition, offset = position.rsplit("/", 2)
        key = urllib.parse.unquote(request.id or "")
        event_id = key if key != position else None
        self.effects.append(
            (event_id, topic, int(partition), int(offset), None, time.time(), request.connection))
