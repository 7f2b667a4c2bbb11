"""
meanwhile - something done again and again in a thread, while a block runs
"""

import threading


class Meanwhile:
    """`step()` every `pause` seconds. What it raises ends it, and is raised where the block ends."""

    pause = 0.1

    def __init__(self):
        self._over = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._over.wait(self.pause):
                self.step()
        except Exception as error:
            self._error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._over.set()
        self._thread.join()
        if self._error and kind is None:
            raise self._error
