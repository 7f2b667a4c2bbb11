"""
test_layers - the tree against the layer table: includes of the sources, symbols of the archives
"""

import fnmatch
import re
import subprocess

import pytest

from . import tree
from .layers import (DOORS, FOREIGN_HEADERS, FOREIGN_SYMBOLS, IMPURE_SYMBOLS, INCLUDE_EXCEPTIONS, LAYERS,
                     THREAD_SYMBOLS)

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def libraries_of(path, layer):
    allowed = set(LAYERS[layer].libraries)
    for pattern, libraries in DOORS.items():
        if fnmatch.fnmatch(str(path), pattern):
            allowed |= set(libraries)
    return allowed


def include_problem(path, layer, name):
    """Why `path` must not include `name`, or None."""
    first = name.split("/")[0]
    library = FOREIGN_HEADERS.get(first)
    if library:
        return None if library in libraries_of(path, layer) else f"{path}: {library} has no door here ({name})"
    if first == "..":
        return f"{path}: includes are written from the root of daemon/ ({name})"
    if f"daemon/{first}" not in LAYERS and first not in LAYERS and first != "onced":
        return None  # a system header, or one beside the file
    own = layer.removeprefix("daemon/")
    if first == own or first in LAYERS[layer].uses or (str(path), first) in INCLUDE_EXCEPTIONS:
        return None
    return f"{path}: {layer} may not use {first} ({name})"


def test_includes_follow_the_layer_table():
    problems = []
    for path in tree.files(".c", ".h"):
        layer = tree.layer_of(path, LAYERS)
        if layer is None or path.parts[0] == "tests":
            continue
        for _, name in _INCLUDE.findall(tree.text(path)):
            problem = include_problem(path, layer, name)
            if problem:
                problems.append(problem)
    tree.report(problems)


def test_every_source_directory_has_a_layer():
    strays = [p for p in tree.files(".c", ".h")
              if p.parts[0] not in ("tests", "bench") and tree.layer_of(p, LAYERS) is None]
    tree.report(strays)


def archives():
    """(layer, archive) of every static library that was built for a layer."""
    found = []
    for layer in LAYERS:
        for archive in sorted((tree.BUILD / layer).glob("*.a")):
            found.append((layer, archive))
    return found


def symbols_of(archive):
    """[(source file, undefined symbol)] of one archive; the source is named by its object."""
    output = subprocess.run(["nm", "-u", str(archive)], check=True, capture_output=True, text=True).stdout
    member, found = None, []
    for line in output.splitlines():
        if line.endswith(":"):
            member = line[:-1].rsplit("/", 1)[-1].removesuffix(".o")
            continue
        words = line.split()
        if len(words) == 2 and words[0] in "Uwv":
            found.append((member, words[1].split("@")[0]))
    return found


def source_of(layer, member):
    # meson names an object by its path with / as _: postgres.c, or postgres_claim.c below a directory
    return f"{layer}/{member}"


def own_symbols():
    """What our own archives define: a name of ours may look like a library's."""
    defined = set()
    for _, archive in archives():
        output = subprocess.run(
            ["nm", "--defined-only", str(archive)], check=True, capture_output=True, text=True).stdout
        defined |= {line.split()[2] for line in output.splitlines() if len(line.split()) == 3}
    return defined


@pytest.fixture(scope="module")
def undefined():
    ours = own_symbols()
    found = [(layer, member, symbol) for layer, archive in archives()
             for member, symbol in symbols_of(archive) if symbol not in ours]
    assert {layer for layer, _, _ in found} >= {"daemon/base", "daemon/core", "daemon/supervisor"}, \
        f"archives of the layers are missing in {tree.BUILD}"
    return found


def test_foreign_symbols_stay_behind_their_doors(undefined):
    problems = []
    for layer, member, symbol in undefined:
        for prefix, library in FOREIGN_SYMBOLS.items():
            if symbol.startswith(prefix) and library not in libraries_of(source_of(layer, member), layer):
                problems.append(f"{layer}: {member} calls {symbol} ({library})")
    tree.report(problems)


def test_threads_start_only_where_the_table_says(undefined):
    tree.report([f"{layer}: {member} calls {symbol}" for layer, member, symbol in undefined
                 if symbol in THREAD_SYMBOLS and not LAYERS[layer].has_threads])


def test_the_core_is_pure(undefined):
    tree.report([f"{layer}: {member} calls {symbol}" for layer, member, symbol in undefined
                 if LAYERS[layer].is_pure and symbol in IMPURE_SYMBOLS])
