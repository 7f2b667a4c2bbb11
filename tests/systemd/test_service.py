"""
test_service - onced.service under a real systemd: start, status, reload, watchdog, drain, restart
"""

import pathlib
import time

from scenario.harness import slowness
from support.process import wait_for


def test_start_waits_for_ready_and_the_status_line_says_how_it_is(service):
    world = service.world.create_topics(partitions=2)
    service.configure({"consumer c": {"workers": 2}, "onced": {"status.interval": "1s"}}).start()
    # Nobody waits here: the start has.
    assert [w["state"] for w in service.workers()] == ["ready", "ready"]
    shown = service.show("ActiveState", "Type", "StatusText", "WatchdogUSec", "User", "Result", "OOMPolicy", "KillMode")
    assert (shown["ActiveState"], shown["Type"], shown["User"]) == ("active", "notify", "onced")
    assert (shown["WatchdogUSec"], shown["OOMPolicy"], shown["KillMode"]) == ("30s", "continue", "mixed")
    assert shown["StatusText"]
    world.produce_stream(200)
    service.wait_effects(200)
    service.wait(lambda: service.show("StatusText") == "2/2 workers ready, lag 0", 20, "the status line tells")
    print("status line:", service.show("StatusText"))
    service.ctl("stop")
    shown = service.show("Result", "ExecMainStatus", "ActiveState")
    assert shown == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    world.check_finished()
