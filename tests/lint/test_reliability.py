"""
test_reliability - every test that docs/reliability.md names is there
"""

import re

from . import tree

_NAMED = re.compile(r"`((?:scenario|torture)/\w+\.py)::(test_\w+)(?:\[([\w-]+)\])?`")


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
