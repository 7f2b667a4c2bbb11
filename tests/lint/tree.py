"""
tree - the files of the repository as the lints see them, without what builds and tools leave behind
"""

import fnmatch
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONCED_BUILD", ROOT / "build")).resolve()
# ".git" is a directory, or a file in a work tree that has its repository elsewhere.
_SKIPPED = (".git", "build*", "__pycache__", ".pytest_cache", "*.egg-info", ".cache")


def _is_ours(name):
    return not any(fnmatch.fnmatch(name, pattern) for pattern in _SKIPPED)


def files(*suffixes, under=""):
    """Paths relative to ROOT, sorted; all files where no suffix is given."""
    found = []
    for directory, names, leaves in os.walk(ROOT / under):
        names[:] = sorted(filter(_is_ours, names))
        for leaf in sorted(filter(_is_ours, leaves)):
            path = pathlib.Path(directory, leaf).relative_to(ROOT)
            if not suffixes or path.suffix in suffixes:
                found.append(path)
    return found


def text(path):
    """The file as text; None for one that is none."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return None


def layer_of(path, layers):
    """The longest directory of the table that contains the file, or None."""
    for parent in pathlib.PurePosixPath(path).parents:
        if str(parent) in layers:
            return str(parent)
    return None


def report(problems):
    assert not problems, f"{len(problems)} found:\n" + "\n".join(map(str, problems))
