"""
test_reliability - every test that docs/reliability.md names is there, and every cell of its table names one
"""

import re

from . import tree

_NAMED = re.compile(r"`((?:scenario|torture)/\w+\.py)::(test_\w+)(?:\[([\w-]+)\])?`")
_FILE = re.compile(r"`((?:scenario|torture)/\w+\.py)(?:::[^`]*)?`")
# What cannot happen there.
_NOTHING = {"nothing is claimed", "it is a file", "there is none"}


def cells():
    """[(row, mode, text)] of the table of crash points and modes."""
    lines = tree.text("docs/reliability.md").split("## Where it dies", 1)[1].split("\n## ", 1)[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    assert len(head) == 6 and all(len(row) == len(head) for row in rows), "a row has another number of cells"
    return [(row[0], mode, cell.rstrip("| ")) for row in rows for mode, cell in zip(head[1:], row[1:])]


def test_every_cell_names_a_test():
    found = cells()
    assert len(found) >= 50
    tree.report([f"{row}, {mode}: {text}" for row, mode, text in found
                 if not _NAMED.search(text) and text not in _NOTHING])


def test_named_files_exist():
    named = set(_FILE.findall(tree.text("docs/reliability.md")))
    assert len(named) > 10
    tree.report([name for name in sorted(named) if not (tree.ROOT / "tests" / name).exists()])


def test_named_tests_exist():
    named = _NAMED.findall(tree.text("docs/reliability.md"))
    assert len(named) > 30, "the table of tests is gone"
    problems = []
    for path, name, stage in sorted(set(named)):
        body = tree.text(f"tests/{path}") if (tree.ROOT / "tests" / path).exists() else ""
        if f"def {name}(" not in body:
            problems.append(f"{path}::{name} is not there")
        elif stage and f'"{stage}"' not in body:
            problems.append(f"{path}::{name} has no {stage}")
    tree.report(problems)
