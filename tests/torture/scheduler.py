"""
scheduler - carries out a plan, and writes down what really happened

Runs in the main thread: servers and daemons die with the thread that started them. The times noted are those
at which it happened. A fault is over when what it hit is there again (`is_over`); one that comes upon a target
that is not waits a little, and is left out then.
"""

import dataclasses
import heapq
import itertools
import random
import time
import traceback

from .faults import NobodyThere


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


PATIENCE = 6.0  # seconds a fault waits for its target
OVER_SECONDS = 120.0  # longest that anything takes to be there again


class Scheduler:
    def __init__(self, stage, plan, table):
        self.stage = stage
        self.table = table
        self.happened = []
        self.left_out = 0
        self._busy = set()  # targets
        self._order = itertools.count()
        self._queue = []
        for planned in plan:
            self._push(planned.at, "begin", planned)

    def _push(self, at, what, of):
        heapq.heappush(self._queue, (at, next(self._order), what, of))

    def run(self, seconds=0.0):
        """So long, and until the last of the plan is over."""
        began = time.monotonic()
        actions = {"begin": self._begin, "end": self._end, "over": self._over}
        while True:
            now = time.monotonic() - began
            if not self._queue and now >= seconds:
                return
            at, _, what, of = self._queue[0] if self._queue else (seconds, 0, None, None)
            if at > now:
                time.sleep(min(at - now, 0.05))
                continue
            heapq.heappop(self._queue)
            actions[what](of, now)

    def end_all(self):
        """What is still on when a run is broken off."""
        for _, _, what, of in sorted(self._queue, key=lambda entry: entry[0]):
            if what == "end":
                self._end(of, 0.0)
        self._queue = []

    def _begin(self, planned, now):
        kind = self.table[planned.name]
        if kind.target in self._busy:
            if now - planned.at < PATIENCE:
                self._push(now + 0.1, "begin", planned)
            else:
                self.left_out += 1
            return
        fault = kind(self.stage, random.Random(planned.seed))
        fact = Happened(kind.name, kind.target, time.time(), time.time(), "", False)
        self.happened.append(fact)
        self._busy.add(kind.target)
        try:
            self._do(fault.strike, fact)
        except NobodyThere as error:
            self._nobody(fact, error)
            return
        fact.note, fact.hit = fault.note, fault.hits
        self._push(now + planned.seconds, "end", (fault, fact))

    def _end(self, of, now):
        fault, fact = of
        try:
            self._do(fault.end, fact)
        except NobodyThere as error:
            self._nobody(fact, error)
            return
        self._over((fault, fact, now + OVER_SECONDS), now)

    def _over(self, of, now):
        fault, fact, deadline = of
        is_over = []
        self._do(lambda: is_over.append(fault.is_over()), fact)
        if is_over == [False] and now < deadline:
            self._push(now + 0.2, "over", of)
            return
        fact.ended = time.time()
        fact.note, fact.hit = fault.note, fault.hits
        self._busy.discard(fact.target)

    def _nobody(self, fact, error):
        fact.ended, fact.hit = time.time(), False
        fact.note = f"nobody was there: {error}"
        self._busy.discard(fact.target)

    @staticmethod
    def _do(action, fact):
        try:
            action()
        except (NobodyThere, AttributeError, NameError, TypeError):
            raise  # the last three: it is written wrong
        except Exception:  # noqa: BLE001 - a fault that cannot be done is a fact of the run
            fact.failed = traceback.format_exc(limit=-3)
