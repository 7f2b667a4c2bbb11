"""
facts - what was found, a line for each as it is found, and how many did not hold
"""

import contextlib


class Facts:
    def __init__(self):
        self.held, self.broken = [], []

    @contextlib.contextmanager
    def that(self, sentence):
        """The sentence is true when nothing in its block complains; the next one is tried all the same."""
        try:
            yield
        except (AssertionError, RuntimeError, TimeoutError) as error:
            self.broken.append(sentence)
            print(f"NO   {sentence}\n       {str(error).strip()}", flush=True)
        else:
            self.held.append(sentence)
            print(f"yes  {sentence}", flush=True)
