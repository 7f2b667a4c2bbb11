"""
handler - an exec handler in Python: appends each order to a file

    [handler save_order]
    type = exec
    command = python3 /usr/local/share/onced/exec/handler.py
    env.ORDERS = /var/lib/shop/orders.jsonl

An effect elsewhere is made at least once: event["event_id"] is the key by which a repeat is recognised.
"""
import json
import os

from onced import Reject, handler

orders = open(os.environ["ORDERS"], "a", encoding="utf-8", buffering=1)


@handler
def handle(event):
    payload = event["value"]["payload"]
    if payload.get("n", 0) < 0:
        raise Reject(f"n is {payload['n']}", code="negative")
    print("saving", event["event_id"])
    orders.write(json.dumps({"event_id": event["event_id"], "n": payload["n"], "attempt": event["attempt"]}) + "\n")
