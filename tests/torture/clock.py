"""
clock - the wall clock of a host, which can jump, and what was meant by a time read from it
"""

import time

from scenario.harness import WallClock

SLACK_SECONDS = 1.0  # between a setting and its note here


class Clock:
    def __init__(self, path):
        self.wall = WallClock(path)
        self._settings = [(0.0, 0)]  # (since when, by how many seconds it is ahead)

    def set_ahead(self, seconds):
        self._settings.append((time.time(), seconds))
        self.wall.set_ahead(seconds * 1000)

    def true_time(self, shown):
        """
        When a process of the host read that. After a jump back the same time comes twice: then the earlier
        one, so that nothing is taken for later than it was.
        """
        ends = [since for since, _ in self._settings[1:]] + [float("inf")]
        found = [shown - ahead for (since, ahead), end in zip(self._settings, ends)
                 if since - SLACK_SECONDS <= shown - ahead <= end + SLACK_SECONDS]
        return min(found, default=shown)
