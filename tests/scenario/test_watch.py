"""
test_watch - reading verbs again and again: screens on a terminal, blocks for a file, and a daemon that restarts meanwhile
"""

import json
import signal

from .harness import run_tool, slowness
from .terminal import CLEAR, Terminal

GREEN = b"\033[32mrunning"


def test_screens_blocks_and_lines(world):
    world.create_topics(partitions=20)
    onced = world.start()
    onced.wait_assigned(20)
    status = ("--socket", onced.socket, "status", "--watch", "--interval", "200ms")

    blocks = run_tool(*status, "--times", "3", program="oncectl")
    assert blocks.returncode == 0 and blocks.stdout.count("CONSUMER ") == 3 and "\n\nonced " in blocks.stdout
    assert "\033" not in blocks.stdout
    lines = run_tool(*status, "--times", "2", "--json", program="oncectl").stdout.splitlines()
    assert [json.loads(line)["consumers"][0]["name"] for line in lines] == ["c", "c"]

    for refused in (("pause", "c", "--reason", "x", "--watch"), ("status", "--times", "2"), ("status", "--watch", "--times", "0")):
        assert run_tool("--socket", onced.socket, *refused, program="oncectl").returncode == 2, refused

    screen = Terminal("--socket", onced.socket, "show", "partitions", "--watch", "--interval", "200ms")
    try:
        screen.wait(lambda seen: seen.count(CLEAR) >= 3 and GREEN in seen, "screens in colours")
        last = screen.seen.split(CLEAR)[-2]
        assert last.count(b"\n") <= 11, "no more lines than the screen has"
        # It is away for a while, and watched on when it is back.
        onced.stop()
        screen.wait(lambda seen: b"no answer on" in seen, "the daemon's absence is told")
        onced.start()
        count = screen.seen.count(CLEAR)
        screen.wait(lambda seen: seen.count(CLEAR) >= count + 2, "it goes on")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(20 * slowness()) == 0
    finally:
        screen.close()

    plain = Terminal("--socket", onced.socket, "show", "consumers", NO_COLOR="1")
    try:
        plain.wait(lambda seen: b"running" in seen, "the table")
        assert b"\033" not in plain.seen
    finally:
        plain.close()
    onced.stop()
    assert run_tool(*status, program="oncectl").returncode == 3, "the first look has to succeed"
