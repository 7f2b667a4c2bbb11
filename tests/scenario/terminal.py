"""
terminal - oncectl where a person would look at it
"""

import os
import pty
import subprocess
import time

from support.process import is_readable

from .harness import BUILD, slowness

CLEAR = b"\033[H\033[2J"


class Terminal:
    """oncectl on a terminal of 12 lines; what it wrote there so far is in `seen`."""

    def __init__(self, *words, columns=200, **env):
        self.master, slave = pty.openpty()
        os.environ.pop("NO_COLOR", None)
        subprocess.run(["stty", "rows", "12", "cols", str(columns)], stdin=slave, check=True)
        self.process = subprocess.Popen([BUILD / "oncectl", *map(str, words)], stdin=slave, stdout=slave, stderr=slave,
                                        env={**os.environ, "TERM": "xterm", **env})
        os.close(slave)
        self.seen = b""

    def wait(self, predicate, what, seconds=30):
        deadline = time.monotonic() + seconds * slowness()
        while not predicate(self.seen):
            assert time.monotonic() < deadline, f"{what}: {self.seen!r}"
            if is_readable(self.master, 0.2):
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:  # nobody has the other side any more
                    assert predicate(self.seen), f"{what}: it ended: {self.seen!r}"

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
