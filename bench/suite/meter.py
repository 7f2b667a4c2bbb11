"""
meter - CPU and memory of process trees over time, from /proc

A thread samples while a run goes on; afterwards one asks for the CPU seconds between two moments of
the wall clock, so that start-up and goodbye of a contender do not count. A tree's CPU includes
children that are gone (their parents remember).
"""

import bisect
import os
import threading
import time

from support.process import children_of

TICK = os.sysconf("SC_CLK_TCK")
PERIOD_SECONDS = 0.1
REFRESH_PERIODS = 5  # a tree's members are looked up less often


def cpu_seconds(pid):
    """Own and of children waited for; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rsplit(b")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, words[11:15])) / TICK


def rss_bytes(pid):
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Meter:
    """`trees`: {name: pid of the root}. Memory is asked of the tree `weighed`."""

    def __init__(self, trees, weighed):
        self._trees = trees
        self._weighed = weighed
        self._times = []
        self._samples = []  # {name: CPU seconds} for each time
        self.peak_rss_bytes = 0  # all processes of the tree at one moment
        self.peak_process_rss_bytes = 0  # the largest process
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        members = {}
        period = 0
        while not self._is_over.is_set():
            if period % REFRESH_PERIODS == 0:
                members = {name: [pid, *children_of(pid)] for name, pid in self._trees.items()}
            period += 1
            self._sample(members)
            self._is_over.wait(PERIOD_SECONDS)
        self._sample(members)

    def _sample(self, members):
        sample = {name: sum(map(cpu_seconds, pids)) for name, pids in members.items()}
        self._times.append(time.time())
        self._samples.append(sample)
        sizes = [rss_bytes(pid) for pid in members[self._weighed]]
        self.peak_rss_bytes = max(self.peak_rss_bytes, sum(sizes))
        self.peak_process_rss_bytes = max([self.peak_process_rss_bytes, *sizes])

    def _at(self, name, moment):
        """Interpolated between the samples around it."""
        right = bisect.bisect_left(self._times, moment)
        if right == 0:
            return self._samples[0][name]
        if right == len(self._times):
            return self._samples[-1][name]
        before, after = self._times[right - 1], self._times[right]
        share = (moment - before) / (after - before)
        low, high = self._samples[right - 1][name], self._samples[right][name]
        return low + share * (high - low)

    def last_alive(self, name):
        """The last moment at which the tree had used CPU: a dead one has none."""
        return max((t for t, s in zip(self._times, self._samples) if s[name] > 0), default=0)

    def cpu_between(self, name, start, end):
        return self._at(name, end) - self._at(name, start)
