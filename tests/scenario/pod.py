"""
pod - an onced in a container's namespaces: its own processes, host name and network

The network has nothing but a loopback on which broker and database answer, through this process: a socket that was
made in a namespace stays there, whoever accepts from it. Cut off, nothing goes through any more.
"""

import ctypes
import os
import socket
import subprocess
import threading

from support.process import wait_for

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

NAMESPACES = ["unshare", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
ENTER = """
hostname "$1"; gate=$2; shift 2
ip link set lo up
until [ -e "$gate" ]; do sleep 0.05; done
exec "$@"
"""


def listen_in(pid, port):
    """A listening socket in the network of that process. Runs in a thread of its own, which stays there."""
    made = []

    def enter():
        with open(f"/proc/{pid}/ns/net") as space:
            if _libc.setns(space.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        made.append(socket.create_server(("127.0.0.1", port), backlog=64))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


class Wire:
    """Carries bytes between ports of a pod's network and the same ports of ours, a thread for each direction."""

    def __init__(self, pid, ports):
        self.ends = []
        for port in ports:
            listener = listen_in(pid, port)
            self.ends.append(listener)
            self._spawn(self._accept, listener, port)

    def _spawn(self, function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def _accept(self, listener, port):
        try:
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", port), 5)
                except OSError:
                    near.close()
                    continue
                for one, other in ((near, far), (far, near)):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.ends.append(one)
                    self._spawn(self._carry, one, other)
        except OSError:
            pass  # cut

    def _carry(self, one, other):
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            _shut(end)

    def cut(self):
        for end in self.ends:
            _shut(end)
            end.close()


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def start(world, name, changes, seconds=30):
    """A pod of that name, ready; its wire is `pod.wire`."""
    pod = world.onced(changes, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    gate = pod.directory / "gate"
    pod.prefix = [*NAMESPACES, "sh", "-c", ENTER, "sh", name, str(gate)]
    pod.start(wait=False)
    wait_for(lambda: _has_loopback(pod), 20, f"the network of {name} is there")
    pod.wire = Wire(pod.pid, [world.kafka.port, world.postgres.port])
    gate.touch()
    pod.wait_ready(seconds)
    return pod


def _has_loopback(pod):
    try:
        inside = os.readlink(f"/proc/{pod.pid}/ns/net") != os.readlink("/proc/self/ns/net")
    except (IndexError, FileNotFoundError, ProcessLookupError):
        return False
    if not inside:
        return False
    shown = subprocess.run(["nsenter", "-t", str(pod.pid), "--net", "ip", "-o", "link", "show", "lo", "up"],
                           capture_output=True, text=True)
    return "LOOPBACK,UP" in shown.stdout


def stop(pod):
    pod.stop()
    pod.wire.cut()


def kill(pod):
    """As a node that loses power: nothing says goodbye."""
    pod.wire.cut()
    os.kill(pod.pid, 9)
    pod.process.wait(20)
