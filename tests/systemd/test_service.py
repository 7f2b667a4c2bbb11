"""
test_service - onced.service under a real systemd: start, status, reload, watchdog, drain, restart
"""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from scenario.harness import slowness
from scenario.witness import Witness
from support.postgres_server import PASSWORD
from support.process import send_signal, wait_for

GROUPS = pathlib.Path("/sys/fs/cgroup")


def test_start_waits_for_ready_and_the_status_line_says_how_it_is(service):
    world = service.world.create_topics(partitions=2)
    service.configure({"consumer c": {"workers": 2}, "onced": {"status.interval": "1s"}}).start()
    # Nobody waits here: the start has.
    assert [w["state"] for w in service.workers()] == ["ready", "ready"]
    shown = service.show("ActiveState", "Type", "StatusText", "WatchdogUSec", "User", "OOMPolicy", "KillMode")
    assert (shown["ActiveState"], shown["Type"], shown["User"]) == ("active", "notify", "onced")
    assert (shown["WatchdogUSec"], shown["OOMPolicy"], shown["KillMode"]) == ("30s", "continue", "mixed")
    assert shown["StatusText"]
    world.produce_stream(200)
    service.wait_effects(200)  # with a password that it can only have from its credential
    service.wait(lambda: service.show("StatusText") == "2/2 workers ready, lag 0", 20, "the status line tells")
    service.ctl("stop")
    shown = service.show("Result", "ExecMainStatus", "ActiveState")
    assert shown == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    world.check_finished()
    assert PASSWORD not in service.machine.path(service.config).read_text()
    assert PASSWORD not in service.machine.journal_text(10000)


def test_wrong_configuration_ends_the_start_and_is_not_tried_again(service):
    service.world.create_topics()
    service.configure({"consumer c": {"lanes": "many"}})
    assert service.ctl("start", check=False).returncode != 0
    shown = service.show("ActiveState", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
    assert "lanes" in service.machine.journal_text()


def test_reload_waits_for_the_verdict(service):
    world = service.world.create_topics()
    service.configure().start()
    pid = service.main_pid()
    service.configure({"consumer c": {"batch.max": 7}})
    service.ctl("reload")
    assert service.show("ActiveState") == "active"
    assert "batch.max = 7" in service.oncectl("show", "config").stdout
    service.configure({"consumer c": {"batch.max": "seven"}})
    assert service.ctl("reload", check=False).returncode != 0
    assert "batch.max = 7" in service.oncectl("show", "config").stdout
    [refused] = service.journal(MESSAGE_ID=service.machine.message_id("RELOAD_REFUSED"))
    assert f"{service.config}:" in refused["ONCED_ERRORS"] and "batch.max" in refused["ONCED_ERRORS"]
    # By signal, too.
    service.configure({"consumer c": {"batch.max": 9}})
    service.machine.run("systemctl", "kill", "--signal=HUP", "--kill-who=main", service.unit)
    service.wait(lambda: "batch.max = 9" in service.oncectl("show", "config").stdout, 20, "SIGHUP reloads")
    assert service.main_pid() == pid
    world.produce_stream(50)
    service.wait_effects(50)


def test_watchdog_ends_a_supervisor_that_stands_still(service):
    world = service.world.create_topics()
    service.configure().drop_in("watchdog", "[Service]\nWatchdogSec=4s\n").start()
    pid = service.main_pid()
    workers = service.worker_pids()
    time.sleep(6)  # fed in time, it lives longer than the limit
    assert service.main_pid() == pid
    send_signal(service.machine.outside_pid(pid), signal.SIGSTOP)
    service.wait(lambda: service.show("NRestarts") == "1", 40, "systemd restarts it")
    service.wait(lambda: service.main_pid() not in (0, pid) and service.worker_pids(), 40, "it is back")
    assert not set(workers) & set(service.worker_pids())
    said = [e["MESSAGE"] for e in service.machine.journal(f"UNIT={service.unit}")]
    assert any("Watchdog timeout" in message for message in said), said
    world.produce_stream(100)
    service.wait_effects(100)
    service.ctl("stop")
    world.check_finished()


def test_a_drain_asks_for_the_time_that_it_takes(service):
    world = service.world.create_topics()
    world.produce_event("slow", fault="sleep:6")
    world.kafka.flush()
    service.configure({"consumer c": {"batch.max": 1}})
    service.drop_in("stop", "[Service]\nTimeoutStopSec=2s\n").start()
    service.wait(lambda: any(lane["stage"] != "idle" for w in service.workers() for lane in w["lanes"]), 30,
                 "the slow record is in hand")
    service.ctl("stop")
    shown = service.show("Result", "ExecMainStatus")
    assert shown == {"Result": "success", "ExecMainStatus": "0"}, "systemd killed it"
    assert world.effect_count() == 1
    world.check_finished()


@pytest.fixture
def memory_group():
    """A control group (version 1) that has hardly any memory, of the host: the machine may make none."""
    path = GROUPS / "memory" / f"onced-systemd-{os.getpid()}"
    try:
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(str(8 << 20))
    except OSError as error:
        pytest.skip(f"no control group to bound memory in: {error}")
    yield path
    wait_for(lambda: not (path / "cgroup.procs").read_text(), 20 * slowness(), "the group is empty")
    path.rmdir()


def test_a_worker_without_memory_is_restarted_and_the_unit_lives(service, memory_group):
    world = service.world.create_topics()
    service.configure().start()
    pid, [worker] = service.main_pid(), service.worker_pids()
    # What it takes from now on counts.
    (memory_group / "cgroup.procs").write_text(str(service.machine.outside_pid(worker)))
    for n in range(40):
        world.produce_event(f"large-{n}", n, note="x" * 900_000)
    world.kafka.flush()
    service.wait(lambda: service.worker_pids() not in ([], [worker]), 60, "another worker takes its place")
    [ended] = service.journal(MESSAGE_ID=service.machine.message_id("WORKER_ENDED"), ONCED_CAUSE="crashed")
    assert "SIGKILL" in ended["MESSAGE"] or "signal 9" in ended["MESSAGE"], ended["MESSAGE"]
    assert (service.main_pid(), service.show("ActiveState"), service.show("NRestarts")) == (pid, "active", "0")
    service.wait_effects(40, 60)
    service.ctl("stop")
    world.check_finished()


def test_restart_and_upgrade_cost_no_rebalance(service):
    """Another program in the same place, as a package leaves it; another member sees nothing."""
    world = service.world.create_topics(partitions=3)
    witness = Witness(world)
    service.configure({"consumer c": {"workers": 2}})
    try:
        start = service.begin("start")
        service.wait(lambda: witness.poll(0.2) or (start.poll() is not None and len(witness.assigned) == 1
                                                   and len(service.partitions()) == 2), 60, "each has a partition")
        mine = sorted(set(range(3)) - set(witness.assigned))
        calls, pid = witness.calls, service.main_pid()
        upgrade(service.machine.prefix / "sbin" / "onced")
        restart = service.begin("restart")
        service.wait(lambda: witness.poll(0.2) or restart.poll() is not None, 60, "the restart is over")
        assert restart.returncode == 0 and service.main_pid() != pid
        for partition in mine:
            world.produce_event(f"after-{partition}", partition=partition)
        world.kafka.flush()
        service.wait(lambda: witness.poll(0.2) or world.effect_count() == len(mine), 40, "its partitions go on")
        assert witness.calls == calls, "another member saw a rebalance"
    finally:
        witness.consumer.close()


def upgrade(program):
    """Like dpkg: the new file takes the name of the old one, which lives on in who runs it."""
    new = program.with_name("onced.dpkg-new")
    subprocess.run(["cp", "--preserve", str(program), str(new)], check=True)
    new.rename(program)


def test_an_instance_has_places_of_its_own(instance):
    world = instance.world.create_topics()
    instance.configure().start()
    world.produce_stream(20)
    instance.wait_effects(20)
    assert instance.socket.is_socket()
    assert instance.machine.path("/var/lib/onced-orders").is_dir()
    assert not instance.machine.path("/run/onced").exists()
    instance.ctl("reload")
    instance.ctl("stop")
    world.check_finished()


def drop_in_text(service, name):
    return service.machine.path(f"/usr/local/share/doc/onced/systemd/{name}.conf").read_text()


def test_the_network_drop_in_lets_through_whom_it_names(service):
    """Broker and database on this machine. Whether others are kept out is up to the kernel, and not tried."""
    world = service.world.create_topics()
    service.configure().drop_in("network", drop_in_text(service, "network")).start()
    shown = service.show("IPAddressDeny", "IPAddressAllow")
    assert set(shown["IPAddressDeny"].split()) == {"0.0.0.0/0", "::/0"}
    assert set(shown["IPAddressAllow"].split()) == {"127.0.0.0/8", "::1/128", "10.0.0.0/8"}
    world.produce_stream(20)
    service.wait_effects(20)
    service.oncectl("status")
    service.ctl("reload")
    service.ctl("stop")
    world.check_finished()


WRITES_CODE = """
import mmap
from onced import Reject, handler

@handler
def handle(event):
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except PermissionError as error:
        raise Reject(str(error), code="no-code")
"""


def test_code_is_written_by_a_handler_with_the_drop_in_alone(service):
    world = service.world.create_topics()
    service.machine.write("/etc/onced/writes.py", WRITES_CODE)
    service.configure({"handler effect": {"type": "exec", "statement": None, "command": "/usr/bin/python3 /etc/onced/writes.py",
                                          "env.PYTHONPATH": "/usr/local/share/onced/exec"}}).start()
    try:
        world.produce_event("confined")
        world.kafka.flush()
        service.wait(lambda: world.lag() == 0, 40, "it is finished")
        assert world.dead_letters()[0].header("onced-code") == b"no-code"
        service.ctl("stop")
        service.drop_in("plugins", drop_in_text(service, "plugins")).start()
        world.produce_event("allowed")
        world.kafka.flush()
        service.wait(lambda: world.lag() == 0, 40, "it is finished")
        assert len(world.dead_letters()) == 1
    finally:
        service.machine.remove("/etc/onced/writes.py")
