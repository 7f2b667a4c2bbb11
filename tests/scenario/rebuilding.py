"""
rebuilding - `oncectl rebuild` of consumer c, as an operator types it
"""

from .harness import run_tool

FROM = ("--from", "earliest", "--reason", "a column was summed wrongly", "--yes")


def words_of(onced, *words):
    return ["--socket", str(onced.socket), "-c", str(onced.config), "rebuild", "c", *words]


def rebuild(onced, *words, expect=0, timeout=240):
    result = run_tool(*words_of(onced, *words), program="oncectl", env=onced.env, timeout=timeout)
    assert result.returncode == expect, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{onced.log_tail()}"
    return result.stdout + result.stderr
