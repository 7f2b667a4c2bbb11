"""
test_demo - `onced demo` keeps its own promises: right sums, no process and no file left

It brings its broker and database along; nothing of the session's servers is used.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from support.cache import scratch_dir
from support.process import children_of, is_alive, wait_for

from .harness import BUILD, LSAN_SUPPRESSIONS, slowness

ROW = re.compile(r"^  {1,3}([a-z][a-z -]*?) +(\d+)   \S", re.MULTILINE)


@pytest.fixture
def directory():
    """Where the demonstration writes. What a sanitizer says of any of its processes lies elsewhere."""
    made = scratch_dir("demo")
    yield made
    reports = [report.read_text() for report in reports_of(made).iterdir()]
    shutil.rmtree(reports_of(made))
    shutil.rmtree(made)
    assert not reports, "\n".join(reports)


def reports_of(directory):
    return directory.with_name(directory.name + ".reports")


def start(directory):
    reports_of(directory).mkdir()
    sanitizer = f"log_path={reports_of(directory)}/sanitizer:halt_on_error=1:exitcode=99"
    environment = {
        **os.environ, "TMPDIR": str(directory), "ASAN_OPTIONS": f"{sanitizer}:detect_leaks=1",
        "UBSAN_OPTIONS": f"{sanitizer}:print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={LSAN_SUPPRESSIONS}:print_suppressions=0"}
    return subprocess.Popen(
        [str(BUILD / "onced"), "demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True, env=environment)


def wait_running(process):
    wait_for(lambda: len(children_of(process.pid)) >= 4, 30 * slowness(), "broker, supervisor and workers run")


def finish(process, seconds=60):
    try:
        return process.communicate(timeout=seconds * slowness())
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def table(text):
    return {name: int(number) for name, number in ROW.findall(text[text.index("What happened"):])}


def session_pids(session):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry))
    return found


def assert_nothing_is_left(process, directory):
    wait_for(lambda: not session_pids(process.pid), 10, "every process of the demonstration is gone")
    assert not list(directory.iterdir())


def test_the_sums_hold_and_nothing_is_left(directory):
    process = start(directory)
    text, errors = finish(process)
    assert process.returncode == 0, text + errors
    rows = table(text)
    letters = rows["undecodable"] + rows["rejected"] + rows["exhausted"]
    repeats = int(re.search(r"(\d+) sent twice", text).group(1))
    assert rows["lost"] == 0 and rows["applied twice"] == 0
    assert rows["workers killed"] == 1
    assert min(rows["undecodable"], rows["rejected"], rows["exhausted"], rows["retried"]) > 0
    assert rows["dead-lettered"] == letters
    assert rows["duplicates stopped"] >= repeats == rows["produced"] // 50
    assert rows["produced"] == rows["applied once"] + repeats + letters
    assert "kill -9 of worker" in text and "is back as pid" in text
    assert_nothing_is_left(process, directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demonstration_cleans_up(directory, number):
    process = start(directory)
    wait_running(process)
    os.killpg(process.pid, number)  # as a terminal does: to every process of it
    _, errors = finish(process, 40)
    assert process.returncode == 1
    assert "interrupted" in errors
    assert_nothing_is_left(process, directory)


def test_a_killed_demonstration_leaves_no_process(directory):
    process = start(directory)
    wait_running(process)
    pids = children_of(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(is_alive, pids)), 40 * slowness(), "all children have ended")


def test_a_broken_daemon_is_told_with_its_log(directory):
    process = start(directory)
    wait_running(process)
    supervisor = next(pid for pid in children_of(process.pid)
                      if b"onced.ini" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(supervisor, signal.SIGKILL)
    _, errors = finish(process, 40)
    assert process.returncode == 1
    assert "ended by itself" in errors and "The last lines of the log" in errors
    assert_nothing_is_left(process, directory)
