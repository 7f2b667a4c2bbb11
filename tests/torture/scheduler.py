"""
scheduler - carries out a plan, and writes down what really happened

Runs in the main thread: servers and daemons die with the thread that started them. An action that takes
long delays the next; the times noted are those at which it happened.
"""

import dataclasses
import heapq
import itertools
import random
import time
import traceback


@dataclasses.dataclass
class Happened:
    name: str
    target: str
    began: float  # seconds since the epoch
    ended: float
    note: str
    hit: bool
    failed: str = ""  # why it could not be done; "" it was

    def covers(self, begin, end, grace=0.0):
        """Whether it was on at some moment between the two, or up to `grace` seconds before."""
        return self.began <= end and self.ended + grace >= begin


class Scheduler:
    def __init__(self, stage, plan, table):
        self.stage = stage
        self.table = table
        self.happened = []
        self._order = itertools.count()
        self._queue = []
        for planned in plan:
            self._push(planned.at, "begin", planned)

    def _push(self, at, what, of):
        heapq.heappush(self._queue, (at, next(self._order), what, of))

    def run(self, tick):
        """Until the plan is over; `tick` is called about every 50 ms between the actions."""
        began = time.monotonic()
        while self._queue:
            at, _, what, of = self._queue[0]
            late = time.monotonic() - began - at
            if late < 0:
                tick()
                time.sleep(min(-late, 0.05))
                continue
            heapq.heappop(self._queue)
            if what == "begin":
                self._begin(of, time.monotonic() - began)
            else:
                self._end(of)

    def end_all(self):
        """What is still on when a run is broken off."""
        while self._queue:
            _, _, what, of = heapq.heappop(self._queue)
            if what == "end":
                self._end(of)

    def _begin(self, planned, now):
        kind = self.table[planned.name]
        fault = kind(self.stage, random.Random(planned.seed))
        fact = Happened(kind.name, kind.target, time.time(), time.time(), "", False)
        self.happened.append(fact)
        self._do(fault.begin, fact)
        fact.note, fact.hit = fault.note, fault.hits
        self._push(now + planned.seconds, "end", (fault, fact))

    def _end(self, of):
        fault, fact = of
        self._do(fault.end, fact)
        fact.ended = time.time()
        fact.note, fact.hit = fault.note, fault.hits

    @staticmethod
    def _do(action, fact):
        try:
            action()
        except Exception:  # noqa: BLE001 - a fault that cannot be done is a fact of the run
            fact.failed = traceback.format_exc(limit=-3)
