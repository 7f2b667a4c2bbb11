"""
test_skips - tests that may be skipped are there: an entry of tests/skips.txt that names none would hide a new one
"""

import re

from . import tree


def problem_of(name):
    module, separator, function = name.partition("::")
    if not separator:  # of a program of cmocka
        program, _, case = name.partition(": ")
        path = f"tests/unit/test_{program}.c"
        return None if re.search(rf"\b{case}\(void", tree.text(path)) else f"{path} has no {case}"
    path = f"tests/{module.replace('.', '/')}.py"
    if not (tree.ROOT / path).exists():
        return f"there is no {path}"
    bare = function.partition("[")[0]
    return None if f"def {bare}(" in tree.text(path) else f"{path} has no {bare}"


def test_each_skip_is_of_a_test_that_is_there():
    names = [line.partition(" # ")[0] for line in tree.text("tests/skips.txt").splitlines()
             if line and not line.startswith("#")]
    assert len(names) == len(set(names)) > 10
    tree.report([f"tests/skips.txt: {name}: {problem}" for name in names if (problem := problem_of(name))])
