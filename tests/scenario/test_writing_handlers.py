"""
test_writing_handlers - docs/writing-handlers.md, followed to the letter

onced is installed below a directory of the test; a newcomer has that on PATH, and types what the document says.
"""

import os
import pathlib
import re
import subprocess

import pytest

from support.cache import scratch_dir

from .harness import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "writing-handlers.md"
FILES = {"c": "word_count.c", "meson": "meson.build", "ini": "word_count.ini"}


def blocks():
    """[(language, text)] of the document's fenced blocks, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def run(command, where, environment):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=where, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def newcomer(request):
    """An empty directory, and an environment in which onced is installed."""
    directory = scratch_dir("newcomer")
    root = directory / "root"
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root)], check=True,
                   capture_output=True)
    pkgconfig = next(root.rglob("onced-handler.pc")).parent
    programs = [str(path.parent) for path in root.rglob("bin/oncectl")] + [
        str(path.parent) for path in root.rglob("sbin/onced")]
    home = directory / "home"
    home.mkdir()
    environment = os.environ | {"PATH": os.pathsep.join(programs + [os.environ["PATH"]]),
                                "PKG_CONFIG_PATH": str(pkgconfig), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    yield home, environment
    subprocess.run(["rm", "-rf", str(directory)], check=True)


def test_the_document_takes_a_newcomer_to_a_tested_plugin(newcomer):
    where, environment = newcomer
    said, compared, events = None, 0, iter(["events.jsonl"])
    for language, text in blocks():
        if language == "sh":
            said = run(text, where, environment)
        elif language == "text":
            assert said == text
            compared += 1
        elif language == "json":
            name = next(events, None)  # the second one shows another form of a line
            if name:
                (where / name).write_text(text)
        else:
            (where / FILES[language]).write_text(text)
    assert compared == 2


def test_the_document_shows_the_example_of_the_tree():
    shown = {FILES[language]: text for language, text in blocks() if language in ("c", "meson")}
    for name, text in shown.items():
        assert text == (ROOT / "handlers" / "examples" / name).read_text(), f"{name} differs"
    assert len((ROOT / "handlers" / "examples" / "word_count.c").read_text().splitlines()) < 60
