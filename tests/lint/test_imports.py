"""
test_imports - tests stand for themselves: what several of them use is in a module of its own
"""

import ast

from . import tree


def imported(path):
    """[(line, name of a module or of something in one)]"""
    found = []
    for node in ast.walk(ast.parse(tree.text(path))):
        if isinstance(node, ast.ImportFrom):
            found += [(node.lineno, name) for name in [*(node.module or "").split("."), *(a.name for a in node.names)]]
        elif isinstance(node, ast.Import):
            found += [(node.lineno, part) for alias in node.names for part in alias.name.split(".")]
    return found


def test_no_test_is_a_library_of_another():
    tests = {path.stem for path in tree.files(".py", under="tests") if path.name.startswith("test_")}
    assert len(tests) > 50
    tree.report([f"{path}:{line}: imports {name}: what it needs belongs into a helper module"
                 for path in tree.files(".py") for line, name in imported(path) if name in tests])
