"""
test_crowd - the control socket and the TCP listener among a thousand clients that mean no good
"""

import os
import time

from .crowd import Crowd
from .harness import slowness
from .listener import ask, listening

REQUESTS = 1200
# What a request may get that is wrong: never an error of ours.
WRONG = {400, 403, 404, 405, 408, 409, 411, 413, 414, 417, 431, 501, 503, 505}


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_thousand_clients_change_nothing_and_stop_nobody(world):
    world.create_topics(partitions=4)
    port, changes = listening()
    onced = world.start(changes)
    onced.wait_assigned(4)
    [worker] = onced.worker_pids()
    before = open_files(onced.pid)
    world.produce_stream(3000)
    with Crowd([("127.0.0.1", port), onced.socket]) as crowd:
        crowd.wait_sent(REQUESTS // 2, 60 * slowness())
        settled = onced.metrics().settled()
        # records flow while they shout, and who asks properly is answered
        world.produce_stream(3000, prefix="amid")
        onced.wait_until(lambda: onced.metrics().settled() > settled + 500, 60, "records are settled meanwhile")
        assert ask(port, "/livez", timeout=20 * slowness())[0] == 200
        crowd.wait_sent(REQUESTS, 60 * slowness())
    print(f"{crowd.most} connections at most, {crowd.sent} requests, answers {dict(crowd.answers)}")
    assert crowd.most >= 500
    assert crowd.answers[200] > 0 and crowd.answers[400] > 0 and crowd.answers[404] > 0
    assert set(crowd.answers) - {100, 200} <= WRONG, crowd.answers
    # nothing was changed, nobody died, nothing leaks
    consumer = onced.consumer()
    assert consumer["pauses"] == [] and onced.worker_pids() == [worker]
    onced.wait_until(lambda: open_files(onced.pid) <= before + 2, 30, "their connections are closed")
    began = time.monotonic()
    assert ask(port, "/v1/status")[0] == 200
    print(f"afterwards status takes {time.monotonic() - began:.3f} s")
    world.finish(onced)
