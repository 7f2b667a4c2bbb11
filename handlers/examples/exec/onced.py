"""
onced - a handler of events in Python: decorate a function, and run the file as `command` of an exec handler

    from onced import handler, Reject

    @handler
    def handle(event):        # event["event_id"], event["value"] ...; see docs/exec-handler.md
        if "order_id" not in event["value"]["payload"]:
            raise Reject("no order_id")

Returning is done. Any other exception is tried again. What is printed goes to the log of onced. The function is
called from where it is decorated until there are no more events: put it last.
"""
import base64
import json
import os
import sys
import traceback


TEXT_MAX = 1000  # characters of a reason: a reply of 64 KiB is refused, a message of a database may be longer


def sentence(text):
    """What may stand in a reply: short, no NUL, no half of a surrogate pair."""
    return str(text)[:TEXT_MAX].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


class Result(Exception):
    """Ends an event by its result; code is a machine's word, retry_after a number of seconds."""
    result = "retry"

    def __init__(self, reason="", code=None, retry_after=0):
        super().__init__(reason)
        self.reply = {"result": self.result, "reason": sentence(reason), "code": code and sentence(code),
                      "retry_after_ms": int(retry_after * 1000)}


class Retry(Result):
    """Not now: try again."""


class Reject(Result):
    """The event's own fault: to the dead letters."""
    result = "reject"


class Skip(Result):
    """Deliberately nothing to do."""
    result = "skip"


class Unavailable(Result):
    """What this handler depends on is down: wait, nothing is counted against the event."""
    result = "unavailable"


def answer_to(function, event):
    try:
        if "value_base64" in event:
            event["value"] = base64.b64decode(event["value_base64"])
        function(event)
        return {"result": "done"}
    except Result as result:
        return result.reply
    except Exception as error:
        traceback.print_exc()
        return {"result": "retry", "code": type(error).__name__, "reason": sentence(error)}


def handler(function):
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anybody prints from here on is no reply
    events = os.fdopen(os.dup(0), "rb")
    with open(os.devnull, "rb") as null:
        os.dup2(null.fileno(), 0)  # what is started from here on reads no events away
    sys.stdout.reconfigure(line_buffering=True)
    for line in events:
        event = json.loads(line)
        replies.write(json.dumps({"seq": event["seq"], **answer_to(function, event)}) + "\n")
        replies.flush()
    return function
