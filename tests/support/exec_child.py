"""
exec_child - a command for exec handlers that misbehaves as the event's `fault` says

Speaks the protocol by hand. Each effect is a line of JSON appended to $EFFECTS, with the time; the beginning of a
fault is one too, with "fault". A fault is carried out before the effect, so that effects can be counted.

    exit          exit status 3                      signal        SIGSEGV
    hang          never answers                      late          answers after the deadline
    garbage       a line that is no reply            long          100,000 bytes without a newline
    other         a reply to another event           print         noise behind a good reply
    babble        20 MB on standard error, then done no-newline    half a line on standard error, then done
    grandchild    leaves a process behind that holds every descriptor, then done
    deaf          closes standard input without an answer
    leak          opens files and closes none, until it gets no more and dies of it
    flaky-...     that fault once, then done
"""

import json
import os
import signal
import subprocess
import sys
import time

effects = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(event, **more):
    line = {k: event[k] for k in ("event_id", "topic", "partition", "offset", "key", "attempt")}
    os.write(effects, (json.dumps({**line, "at": time.monotonic(), **more}) + "\n").encode())


def is_noted(event):
    with open(os.environ["EFFECTS"], encoding="utf-8") as lines:
        return any(json.loads(line)["event_id"] == event["event_id"] for line in lines if line.endswith("\n"))


def say(text):
    os.write(1, text.encode())


def reply(event, shift=0, behind=""):
    say(json.dumps({"seq": event["seq"] + shift, "result": "done"}) + "\n" + behind)


def grandchild():
    process = subprocess.Popen(["sleep", "600"], close_fds=False)
    return {"grandchild": process.pid}


def deaf(event):
    os.close(0)
    time.sleep(600)


def leak(event):
    while True:  # the exception ends the process
        os.open("/dev/null", os.O_RDONLY)


def late(event):
    time.sleep(float(os.environ["LATE"]))
    reply(event)
    time.sleep(600)


# What each does instead of an effect and an answer.
FATAL = {
    "exit": lambda event: os._exit(3),
    "signal": lambda event: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": lambda event: time.sleep(600),
    "late": late,
    "garbage": lambda event: say("Hello!\n"),
    "long": lambda event: say("x" * 100_000),
    "other": lambda event: reply(event, shift=-1),
    "deaf": deaf,
    "leak": leak,
}
# What each does before them.
NOISE = {
    "babble": lambda: os.write(2, b"babble babble babb\n" * 1_000_000) and {},
    "no-newline": lambda: os.write(2, b"half a line") and {},
    "grandchild": grandchild,
}


def handle(event):
    payload = event["value"]["payload"]
    fault = payload.get("fault", "")
    if fault.startswith("flaky-") and not is_noted(event):
        fault = fault.removeprefix("flaky-")
    if fault in FATAL:
        note(event, fault=fault)
        FATAL[fault](event)
        return
    time.sleep(payload.get("seconds", 0))
    note(event, **NOISE.get(fault, dict)())
    reply(event, behind="noise\n" if fault == "print" else "")


for text in sys.stdin:
    handle(json.loads(text))
