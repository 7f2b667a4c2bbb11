"""
summary - one verdict over the results of meson (JSON lines) and pytest (JUnit XML)

A test program of cmocka counts as many tests as its TAP output names. A skipped test must be listed in the
file of skips ("NAME # REASON"), else it counts as failed; so does a suite that ran nothing. The last
line is "N passed, N failed, N skipped".
"""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

_TAP = re.compile(r"^(ok|not ok) (\d+)\s*(?:-\s*)?(.*)$", re.MULTILINE)


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def add(self, name, outcome):
        {"passed": self.passed, "failed": self.failed, "skipped": self.skipped}[outcome].append(name)

    def counts(self):
        return len(self.passed), len(self.failed), len(self.skipped)


def read_meson(path, tally):
    for line in path.read_text().splitlines():
        test = json.loads(line)
        program = test["name"]
        cases = list(_TAP.finditer(test.get("stdout") or ""))
        for case in cases:
            word, _, rest = case.groups()
            name = f"{program}: {re.sub(r'^# SKIP ?', '', rest)}"
            if "# SKIP" in rest:
                tally.add(name, "skipped")
            else:
                tally.add(name, "passed" if word == "ok" else "failed")
        if test["result"] == "SKIP":
            tally.add(program, "skipped")
        elif test["result"] not in ("OK", "EXPECTEDFAIL"):
            # Also when every case passed: a leak or a crash at the end is a failure of its own.
            tally.add(f"{program}: {test['result'].lower()}", "failed")
        elif not cases:
            tally.add(program, "passed")


def read_junit(path, tally):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}".lstrip(":")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.add(name, "failed")
        elif case.find("skipped") is not None:
            tally.add(name, "skipped")
        else:
            tally.add(name, "passed")


def read_skips(path):
    allowed = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, separator, reason = line.partition(" # ")
            assert separator and reason, f"{path}: a skip needs a reason: {line}"
            allowed[name] = reason
    return allowed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--skips", type=pathlib.Path, required=True)
    parser.add_argument("results", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    allowed = read_skips(options.skips)
    total = Tally()
    for path in options.results:
        tally = Tally()
        if not path.exists() or path.stat().st_size == 0:
            tally.add(f"{path.stem}: no result", "failed")
        else:
            (read_meson if path.suffix == ".json" else read_junit)(path, tally)
        if tally.counts() == (0, 0, 0):
            tally.add(f"{path.stem}: no test was run", "failed")
        print(f"{path.stem:12}  {len(tally.passed):5} passed  {len(tally.failed):3} failed  {len(tally.skipped):3} skipped")
        for name in tally.skipped:
            known = name in allowed
            total.add(name, "skipped" if known else "failed")
            print(f"  {'skipped' if known else 'FAILED, skipped without a listed reason'}: {name}"
                  + (f" ({allowed[name]})" if known else ""))
        for name in tally.failed:
            total.add(name, "failed")
            print(f"  FAILED: {name}")
        total.passed += tally.passed
    passed, failed, skipped = total.counts()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
