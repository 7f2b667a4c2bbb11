"""
test_security - every test that SECURITY.md names is there
"""

import re

from . import tree

_NAMED = re.compile(r"`([\w/]+\.(?:py|c))::(\w+)`")


def test_named_tests_exist():
    named = sorted(set(_NAMED.findall(tree.text("SECURITY.md"))))
    assert len(named) > 30, "the tables of tests are gone"
    problems = []
    for path, name in named:
        body = tree.text(f"tests/{path}") if (tree.ROOT / "tests" / path).exists() else ""
        begin = f"def {name}(" if path.endswith(".py") else f"static void {name}("
        if begin not in body:
            problems.append(f"{path}::{name} is not there")
    tree.report(problems)


def test_each_claim_names_its_proof():
    claims = tree.text("SECURITY.md").split("\n## What is defended")[1].split("\n## ")[0]
    rows = [line for line in claims.splitlines() if line.startswith("| ") and not line.startswith("| attack |")]
    assert len(rows) > 20, "the tables are gone"
    tree.report([f"a claim without a test: {row}" for row in rows if not _NAMED.search(row)])
