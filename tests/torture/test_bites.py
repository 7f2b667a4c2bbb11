"""
test_bites - each kind of fault, struck alone, does to its target what it says, and takes it back

On small processes; databases, Redis and brokers are in test_bites_servers.py, which also has the kinds without a proof.
"""

import re
import time
import types

import pytest

from support.process import is_alive, state_of, wait_for

from . import cgroup, faults
from .clock import Clock
from .echo import Echo, ask, connect
from .small import SECONDS, fault_of

# ---- processes ----

# {name: who is hit, of a host: (supervisor, workers)}
KILLS = {"worker kill -9": (0, 1), "supervisor kill -9": (1, 0), "tree kill -9": (1, 2)}
STOPS = {"worker SIGSTOP": (0, 1), "supervisor SIGSTOP": (1, 0), "tree SIGSTOP": (1, 2)}


def processes(stage):
    """{pid: whether it is a supervisor}"""
    return {pid: pid == host.pid for host in stage.hosts for pid in host.there()}


def of(stage, pid):
    """Its host, also when it is gone."""
    return next(host for host in stage.hosts if (host.directory / str(pid)).exists())


def all_answer(stage, pids):
    """Nothing is on its way to them: a signal would come first."""
    return all(of(stage, pid).ask(pid, "open") == "yes" for pid in pids)


def counts(supervisors, pids):
    return sum(supervisors[pid] for pid in pids), sum(not supervisors[pid] for pid in pids)


@pytest.mark.parametrize("name", KILLS)
def test_a_kill_kills_whom_it_names_and_nobody_else(stage, name):
    stage.start_hosts()
    before = processes(stage)
    fault = fault_of(stage, name)
    fault.strike()
    wait_for(lambda: counts(before, [pid for pid in before if not is_alive(pid)]) == KILLS[name], SECONDS, "they are gone")
    assert all_answer(stage, filter(is_alive, before))
    assert {pid for pid in before if not is_alive(pid) and not before[pid]} <= set(stage.expected)
    fault.end()
    assert all(host.is_running() and not host.is_away for host in stage.hosts)


@pytest.mark.parametrize("name", STOPS)
def test_who_is_stopped_stands_still_and_goes_on(stage, name):
    stage.start_hosts()
    before = processes(stage)

    def stopped():
        return counts(before, [pid for pid in before if state_of(pid) == "T"])

    fault = fault_of(stage, name)
    fault.strike()
    wait_for(lambda: stopped() == STOPS[name], SECONDS, "they stand")
    assert all_answer(stage, [pid for pid in before if state_of(pid) != "T"])
    fault.end()
    wait_for(lambda: stopped() == (0, 0), SECONDS, "they go on")


def test_an_upgrade_ends_a_host_in_order_and_starts_it_anew(stage):
    stage.start_hosts()
    before = {host: host.process for host in stage.hosts}
    fault = fault_of(stage, "rolling upgrade")
    fault.strike()
    wait_for(fault.is_over, SECONDS, "there is a new one")
    [new] = [host for host in stage.hosts if host.process is not before[host]]
    assert new is fault.host and before[new].returncode == 0 and new.is_running() and not new.is_away


# ---- machines ----


def test_no_memory_is_had_by_one_worker(stage):
    stage.start_hosts()
    fault = fault_of(stage, "out of memory")
    fault.strike()
    assert of(stage, fault.pid).ask(fault.pid, "memory") == "Cannot allocate memory"
    assert [of(stage, pid).ask(pid, "memory") for pid in processes(stage)].count("yes") == 5
    fault.end()
    assert of(stage, fault.pid).ask(fault.pid, "memory") == "yes"


def test_the_kernel_kills_for_want_of_memory(stage):
    if not cgroup.is_possible():
        pytest.skip("no control group can be made here")

    def confine(host):
        host.memory = cgroup.make(f"torture-bites-{stage.directory.name}-{host.name}")
        host.prepare = host.memory.join

    stage.start_hosts(confine)
    before = processes(stage)
    fault = strike_hoarders(stage, before)
    assert fault.host.memory.kills() > 0 and re.search(r": \d+ killed$", fault.note)
    gone = wait_for(lambda: [pid for pid in before if not is_alive(pid)], SECONDS, "one is gone")
    assert set(gone).isdisjoint(pid for host in stage.hosts if host is not fault.host for pid in host.there())


def strike_hoarders(stage, pids):
    """On a busy machine they may ask for nothing just then."""
    for seed in range(5):
        for pid in pids:
            of(stage, pid).ask(pid, "hoard")
        fault = fault_of(stage, "out of memory (kernel)", seed)
        try:
            fault.strike()
            return fault
        except faults.NobodyThere:
            continue
    raise AssertionError("nobody was killed")


def test_one_worker_can_open_nothing_and_has_lost_what_it_had(stage):
    stage.start_hosts()
    echo = Echo()
    connections = {name: connect(stage.servers.doors.open("kafka", name, echo.port)) for name in "ab"}
    for connection in connections.values():
        ask(connection)
    fault = fault_of(stage, "no descriptors (worker)")
    fault.strike()
    host = of(stage, fault.pid)
    assert host.ask(fault.pid, "open") == "Too many open files"
    with pytest.raises(ConnectionResetError):
        connections.pop(host.name).recv(1)
    [other] = connections.values()
    assert ask(other) == b"hello"
    fault.end()
    assert host.ask(fault.pid, "open") == "yes"
    echo.listener.close()


def test_a_supervisor_can_open_nothing_while_a_worker_dies(stage):
    stage.start_hosts()
    before = processes(stage)
    fault = fault_of(stage, "no descriptors (supervisor)")
    fault.strike()
    wait_for(lambda: counts(before, [pid for pid in before if not is_alive(pid)]) == (0, 1), SECONDS, "a worker is gone")
    assert before[fault.pid] and of(stage, fault.pid).ask(fault.pid, "open") == "Too many open files"
    fault.end()
    assert of(stage, fault.pid).ask(fault.pid, "open") == "yes"


def test_the_wall_clock_of_one_host_jumps_and_jumps_back(stage):
    def give_clock(host):
        host.clock = Clock(stage.directory / f"clock-{host.name}")
        host.wall_clock = host.clock.wall

    stage.start_hosts(give_clock)

    def clocks():
        """{pid: by how much its wall clock is ahead of its monotonic one}"""
        return {pid: float(of(stage, pid).ask(pid, "clock")) for pid in processes(stage)}

    before = clocks()
    fault = fault_of(stage, "clock jump")
    fault.strike()
    seconds = int(re.search(r"([+-]\d+) s$", fault.note)[1])
    for pid, ahead in clocks().items():
        assert abs(ahead - before[pid] - (seconds if of(stage, pid) is fault.host else 0)) < 1, fault.note
    fault.end()
    assert all(abs(ahead - before[pid]) < 1 for pid, ahead in clocks().items())


# ---- networks ----


class Network:
    """A host's door and an open connection through it, with what is to be seen there."""

    def __init__(self, door):
        self.door = door
        self.connection = connect(door, 1.0)
        ask(self.connection)

    def is_sound(self):
        return ask(self.connection) == b"hello"

    def seconds(self, words):
        self.connection.settimeout(SECONDS)
        began = time.monotonic()
        assert ask(self.connection, words) == words
        return time.monotonic() - began

    def is_silent(self):
        self.connection.settimeout(0.5)
        try:
            self.connection.sendall(b"anybody?")
            self.connection.recv(1)
        except TimeoutError:
            return True
        return False

    def is_reset(self):
        self.connection.settimeout(SECONDS)
        try:
            return not self.connection.recv(1)
        except ConnectionResetError:
            return True

    def refuses_new(self):
        try:
            with connect(self.door) as connection:
                ask(connection)
            return False
        except (ConnectionError, AssertionError):
            return True


NETWORKS = {
    "network delay": lambda seen: seen.seconds(b"x") >= 0.04,  # the least, each way
    "network loss": lambda seen: any(seen.seconds(b"x") >= 0.2 for _ in range(200)),
    "network drip": lambda seen: seen.seconds(b"0123456789abcdef" * 38) >= 0.025,
    "network partition": Network.is_silent,
    "network half-open": Network.is_silent,
    "network reset": lambda seen: seen.is_reset() and not seen.refuses_new(),
    "network refused": lambda seen: seen.is_reset() and seen.refuses_new(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_trouble_comes_to_the_doors_that_it_names_and_goes(stage, name):
    echo = Echo()
    stage.hosts = [types.SimpleNamespace(name=host) for host in "ab"]
    seen = [Network(stage.servers.doors.open("kafka", host, echo.port)) for host in "ab"]
    of_one = next(seed for seed in range(100) if len(fault_of(stage, name, seed).pick()) == 1)
    fault = fault_of(stage, name, of_one)
    fault.strike()
    for one in seen:
        assert NETWORKS[name](one) if one.door in fault.doors else one.is_sound(), fault.note
    fault.end()
    for one in seen:
        assert not one.refuses_new()
    echo.listener.close()
