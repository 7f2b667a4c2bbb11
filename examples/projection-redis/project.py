"""
project - an exec handler that adds each sale to its customer's sums in Redis, once, however often it comes
"""

import os
import socket

from onced import Reject, Unavailable, handler

# Redis runs a script as one step: the sums and the offset up to which they are made change together. A sale that
# comes again is not above that offset. It is kept for each partition: a customer's sales have another one when the
# topic gets more of them.
ADD = """
local at = redis.call('HGET', KEYS[1], ARGV[1])
if at and tonumber(at) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'sales', 1)
redis.call('HINCRBY', KEYS[1], 'cents', ARGV[3])
return 1
"""

link = None


def ask(*words):
    """One command and its answer, a line. Whatever Redis cannot do now is nobody's record's fault."""
    global link
    try:
        if link is None:
            redis = socket.socket(socket.AF_UNIX)
            redis.settimeout(5)
            redis.connect(os.environ["REDIS"])
            link = redis.makefile("rwb")
        parts = [str(word).encode() for word in words]
        link.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        link.flush()
        answer = link.readline().decode()
    except OSError as error:
        link = None
        raise Unavailable(f"Redis: {error}") from error
    if not answer:
        link = None
        raise Unavailable("Redis closed the connection")
    if answer.startswith("-"):
        raise Unavailable(f"Redis: {answer[1:].strip()}")
    return answer


@handler
def handle(event):
    sale = event["value"]["payload"]
    if not isinstance(sale.get("cents"), int) or "customer_id" not in sale:
        raise Reject("a sale has customer_id and cents", code="no-sale")
    ask("EVAL", ADD, 1, f"{os.environ['PREFIX']}{sale['customer_id']}", f"partition-{event['partition']}",
        event["offset"], sale["cents"])
