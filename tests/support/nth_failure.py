"""
nth_failure - the plan of tests/support/nth_failure.c: which call of which process fails

A Plan counts when it is armed, and only then: a run with at=0 tells how many calls there are.
"""

import mmap
import struct
import subprocess

NAME = 32
DEPTH = 8
PLACES = 1 << 15
ARMED, BY_PLACE, AT = 0, 8, 16
ROLE = 24
COUNT, FIRED = ROLE + NAME, ROLE + NAME + 8
WHAT = FIRED + 8
STACK = WHAT + NAME
SEEN = STACK + DEPTH * 8
SIZE = SEEN + PLACES * 8


class Plan:
    """`library` is preloaded; the plan is the file `path`."""

    def __init__(self, library, path):
        self.library = library
        self.path = path
        path.write_bytes(bytes(SIZE))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def environment(self, preloaded=""):
        return {"LD_PRELOAD": f"{self.library} {preloaded}".strip(), "ONCED_TEST_NTH_FAILURE": str(self.path)}

    def _get(self, at):
        return struct.unpack_from("=Q", self.map, at)[0]

    def _put(self, at, number):
        struct.pack_into("=Q", self.map, at, number)

    def arm(self, at, by_place=True):
        """From now on calls count, from 1; the one with the number `at` fails."""
        self._put(ARMED, 0)
        self.map[COUNT:SIZE] = bytes(SIZE - COUNT)
        self._put(BY_PLACE, by_place)
        self._put(AT, at)
        self._put(ARMED, 1)

    def disarm(self):
        self._put(ARMED, 0)

    def set_role(self, role):
        """Whose calls count: worker, probe, migrate or main; "" all."""
        self.map[ROLE:ROLE + NAME] = role.encode().ljust(NAME, b"\0")

    @property
    def count(self):
        return self._get(COUNT)

    @property
    def fired(self):
        """The id of the process whose call failed, 0 while none did."""
        return self._get(FIRED)

    def where(self, program):
        """What failed and who called it, for a person."""
        what = self.map[WHAT:WHAT + NAME].rstrip(b"\0").decode()
        stack = [self._get(STACK + i * 8) for i in range(DEPTH)]
        # an address behind a call: the one before lies in its line
        lines = subprocess.run(["addr2line", "-sfe", str(program), *(hex(a - 1) for a in stack if a)],
                               capture_output=True, text=True, check=False).stdout.split()
        return f"{what} in {' < '.join(map(' '.join, zip(lines[::2], lines[1::2])))}"
