"""
test_first_process - onced as PID 1, as in a container: orphans are buried, signals arrive, a probe answers

In a namespace of processes of its own, the supervisor becomes the parent of what handlers' commands leave behind.
"""

import os
import signal

from support import namespaces
from support.process import children_of, is_alive, wait_for

from .harness import run_tool, slowness

CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

# Each event starts a process that leaves its group and its parent, and dies a little later.
LEAVER = '''
import json, os, subprocess, sys
for line in sys.stdin:
    event = json.loads(line)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "0.05"])
        os._exit(0)
    os.wait()
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(event["event_id"] + "\\n")
    print(json.dumps({"seq": event["seq"], "result": "done"}), flush=True)
'''


def contained(world, changes=None):
    prefix = CONTAINER if os.geteuid() == 0 else [*CONTAINER, "--map-root-user"]
    namespaces.require(*prefix)
    onced = world.onced(changes)
    onced.prefix = prefix
    return onced


def cmdline(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def dead_children(onced):
    return [pid for pid in children_of(onced.pid) if not is_alive(pid)]


def test_orphans_are_buried_by_the_first_process(world):
    world.create_topics()
    effects, script = world.directory / "effects", world.directory / "leaver.py"
    script.write_text(LEAVER)
    onced = contained(world, {
        "consumer c": {"handler": "leaver", "lanes": 2}, "handler effect": None,
        "handler leaver": {"type": "exec", "command": f"/usr/bin/python3 {script}", "env.EFFECTS": effects}}).start()
    world.produce_stream(100)
    world.wait_finished(onced)
    assert len(set(effects.read_text().splitlines())) == 100
    wait_for(lambda: not dead_children(onced), 20 * slowness(), "nobody is left unburied")
    # A worker's end is nobody else's to see.
    worker = next(pid for pid in children_of(onced.pid) if b"--worker" in cmdline(pid))
    os.kill(worker, signal.SIGKILL)
    onced.wait_metric(1, "onced_worker_exits_total", consumer="c", cause="crashed")
    onced.wait_ready()
    onced.stop()


def test_signals_reach_the_first_process(world):
    world.create_topics()
    onced = contained(world).start()
    world.produce_stream(100)
    world.wait_finished(onced)
    onced.terminate(signal.SIGHUP)
    wait_for(lambda: "reload" in onced.log_path.read_text(), 20 * slowness(), "a reload is told")
    onced.terminate(signal.SIGINT)
    assert onced.wait_exit() == 0
    onced.check_remains()
    world.check_finished()


def test_a_probe_says_by_its_status_whether_it_lives(world):
    world.create_topics()
    onced = world.start()

    def probe(*options):
        return run_tool("probe", *options, "--socket", onced.socket, program="oncectl")

    assert probe().returncode == 0
    assert probe("--ready").returncode == 0
    os.kill(onced.pid, signal.SIGSTOP)
    try:
        stuck = probe()
    finally:
        os.kill(onced.pid, signal.SIGCONT)
    assert stuck.returncode == 3, stuck.stderr
    onced.stop()
    gone = probe("--ready")
    assert gone.returncode == 3 and "is onced running" in gone.stderr
