"""
test_text - what every file looks like: opening words, line and file length, no leftovers
"""

import re
import shutil
import subprocess

import pytest

from . import tree

COLUMNS = 100
TAB = 8
FILE_LINES = 500

# Longer than FILE_LINES: these may shrink and not grow.
LONG_FILES = {}

_LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b")
_MACHINE = re.compile(r"(?<![\w.])/(work|root|home)/\w")
_URL = re.compile(r"\b[a-z]+://(?:[^/@\s\"'<>]*@)?([A-Za-z0-9.-]+)")
# Hosts that may be named: documentation, licences, namespaces, examples and this machine itself.
HOSTS = re.compile(
    r"(^|\.)(apache\.org|w3\.org|example|example\.(com|org|net)|test|invalid|localhost|cloudevents\.io|"
    r"kubernetes\.io|debian\.org|svc|prometheus\.io|freedesktop\.org|json-schema\.org|keepachangelog\.com|semver\.org)$"
    r"|^127\.0\.0\.1$|^[A-Za-z0-9-]+$|^10\.|^192\.0\.2\.|^\.")


def c_files():
    return tree.files(".c", ".h")


def opening_problem(path):
    """A source that begins with its own header is described there."""
    lines = tree.text(path).splitlines()
    if path.suffix == ".c" and (tree.ROOT / path.with_suffix(".h")).exists() and lines[0].startswith("#include"):
        own = lines[0].endswith(f'{path.stem}.h"')
        return None if own else f"{path}: does not begin with its own header"
    opening = re.match(r" \* ([\w./-]+) - \S", lines[1]) if len(lines) > 2 and lines[0] == "/*" else None
    if not opening:
        return f"{path}: does not open with /* NAME - purpose"
    named = opening.group(1).replace("-", "_").split("/")[-1]
    if path.parts[0] != "tests" and named not in (path.stem, path.name):
        return f"{path}: its opening names {named}"
    return None


def test_c_opens_with_what_it_is():
    tree.report([p for p in map(opening_problem, c_files()) if p])


def test_python_and_shell_open_with_what_they_are():
    problems = []
    for path in tree.files(".py"):
        body = tree.text(path)
        if body and not re.match(r'(#!.*\n)?"""\n\w[\w-]* - \S', body):
            problems.append(f"{path}: does not open with a docstring NAME - purpose")
    for path in tree.files(under="scripts"):
        body = tree.text(path)
        if not re.match(r"(#!.*\n)?# [\w.-]+ - \S", body):
            problems.append(f"{path}: does not open with # NAME - purpose")
    tree.report(problems)


def test_no_line_is_too_long():
    problems = []
    for path in c_files():
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            width = len(line.expandtabs(TAB))
            if width > COLUMNS:
                problems.append(f"{path}:{number}: {width} columns")
    tree.report(problems)


def test_no_file_is_too_long():
    problems = []
    for path in tree.files(".c", ".h", ".py"):
        length = len(tree.text(path).splitlines())
        if length > LONG_FILES.get(str(path), FILE_LINES):
            problems.append(f"{path}: {length} lines: two duties?")
    tree.report(problems)


def written_files():
    """Text that people wrote, but for this file, which names what it looks for."""
    return [p for p in tree.files() if p.name not in ("LICENSE", "test_text.py") and tree.text(p) is not None]


def find(pattern, paths):
    problems = []
    for path in paths:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if pattern.search(line):
                problems.append(f"{path}:{number}: {line.strip()[:100]}")
    return problems


def test_nothing_is_left_for_later():
    tree.report(find(_LEFTOVER, written_files()))


def test_no_path_of_a_machine_is_written_down():
    tree.report(find(_MACHINE, written_files()))


def test_only_known_hosts_are_named():
    problems = []
    for path in written_files():
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for host in _URL.findall(line):
                if not HOSTS.search(host):
                    problems.append(f"{path}:{number}: {host}")
    tree.report(problems)


def test_c_is_formatted():
    tool = shutil.which("clang-format-14")
    if not tool:
        pytest.skip("clang-format-14 is not installed")
    sources = [str(p) for p in tree.files(".c")]
    result = subprocess.run([tool, "--dry-run", "-Werror", *sources], cwd=tree.ROOT, capture_output=True, text=True)
    files = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "error:" in line})
    tree.report(files)


def test_no_blank_at_the_end_of_a_line():
    tree.report(find(re.compile(r"[ \t]+$"), [p for p in written_files() if p.suffix != ".md"]))
