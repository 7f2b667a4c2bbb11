"""
document - a document followed to the letter: its files written, its commands typed, its answers compared

A block of `sh` is typed into one shell, whose directory, variables and background jobs last to the end. A `text`
block is what the commands above it show, `…` in it is anything; such commands only read, and are asked again until
they answer so. Any other block whose paragraph above ends with `NAME`: is that file, or more of it where that
says "Append to `NAME`:". The document's well-known addresses are those of the test's servers.
"""

import os
import pathlib
import re
import select
import signal
import subprocess
import time

from support.cache import kafka_libs
from support.postgres_server import PASSWORD, USER
from support.process import die_with_parent, free_port, send_signal

from .harness import BUILD, Onced, _session_of, slowness

KAFKA_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
# Where a build as in the README puts everything, and what a user has in PATH of it.
PREFIX = "/usr/local"
USER_PATH = f"{PREFIX}/bin"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([\w./-]+)`:\s*$")


def blocks(path, section=None):
    """[(paragraph above, language, text)] of the fenced blocks, in order; of all, or of what a heading is above."""
    text = pathlib.Path(path).read_text()
    if section:
        text = text.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return [(text[:m.start()].rstrip().rpartition("\n\n")[2], m[1], m[2]) for m in _BLOCK.finditer(text)]


def install(root):
    """onced as the README installs it, with `root` before each path."""
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root)], check=True,
                   capture_output=True)
    assert (root / PREFIX.lstrip("/") / "sbin" / "onced").exists(), f"{BUILD} is not built for {PREFIX}"


def write_kafka_tools(directory):
    """Kafka's own command-line tools, started as its own scripts do."""
    directory.mkdir()
    for name, main in KAFKA_TOOLS.items():
        script = directory / name
        script.write_text('#!/bin/sh\nexec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1'
                          f' -Dlog4j2.level=ERROR -cp "{kafka_libs()}/*" {main} "$@"\n')
        script.chmod(0o755)
    return str(directory)


class Shell:
    """A shell that one types into."""

    def __init__(self, directory, environment):
        self.directory = directory
        self.process = subprocess.Popen(
            ["bash", "-em"], cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent)
        self._number = 0

    def type(self, commands, seconds=180):
        """What they show; AssertionError when one fails or they do not end."""
        self._number += 1
        mark = f"-- end of block {self._number} --".encode()
        self.process.stdin.write(f"{commands.rstrip()}\necho '{mark.decode()}'\n".encode())
        self.process.stdin.flush()
        shown = b""
        deadline = time.monotonic() + seconds * slowness()
        while mark not in shown:
            assert time.monotonic() < deadline, f"does not end:\n{commands}\n{shown.decode(errors='replace')}"
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                shown += os.read(self.process.stdout.fileno(), 65536)
            elif self.process.poll() is not None:
                raise AssertionError(f"a command failed:\n{commands}\n{shown.decode(errors='replace')}")
        return shown.partition(mark)[0].decode(errors="replace")

    def close(self):
        """Ends whatever the document left running; it should have left nothing."""
        self.process.stdin.close()
        left = [int(pid) for pid in filter(str.isdigit, os.listdir("/proc"))
                if _session_of(int(pid)) == self.process.pid and int(pid) != self.process.pid]
        for pid in [*left, self.process.pid]:
            send_signal(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()


class Follower:
    """Somebody who does what documents say, in `directory`, with onced, a broker and a database at hand."""

    def __init__(self, directory, kafka, postgres):
        self.path = None  # what is followed
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        self.kafka = kafka
        self.root = directory / "root"
        self.places = {"127.0.0.1:9092": kafka.bootstrap}
        install(self.root)
        programs = [f"{self.root}{USER_PATH}", write_kafka_tools(directory / "bin"),
                    *(entry for entry in os.environ["PATH"].split(os.pathsep) if not entry.endswith("/sbin"))]
        sanitizer = Onced(directory / "reports", {})
        environment = sanitizer._environment() | {
            "PATH": os.pathsep.join(programs), "PGHOST": str(postgres.directory),
            "PGPORT": str(postgres.port), "PGUSER": USER, "PGPASSWORD": PASSWORD, "HOME": str(self.home)}
        self.sanitizer_text = sanitizer.sanitizer_text
        self.shell = Shell(self.home, environment)
        self.compared = 0

    def place(self, text):
        """Well-known ports and paths become those of the test."""
        for port in re.findall(r"127\.0\.0\.1:\d+", text):
            self.places.setdefault(port, f"127.0.0.1:{free_port()}")
        for well_known, here in self.places.items():
            text = text.replace(well_known, here)
        for path in re.findall(rf"(?<![\w.]){PREFIX}/[\w./-]*\w", text):
            assert (self.root / path.lstrip("/")).exists(), f"nothing is installed to {path}"
        return re.sub(rf"(?<![\w.]){PREFIX}/", f"{self.root}{PREFIX}/", text)

    def follow(self, path, section=None):
        self.path = pathlib.Path(path)
        typed = None
        for above, language, text in blocks(self.path, section):
            name = _NAMED.search(above)
            text = self.place(text)
            if language == "sh":
                typed, said = text, self.shell.type(text)
            elif language == "text":
                self.compare(typed, said, text)
            elif name:
                self.write(name[1], text, more=f"Append to `{name[1]}`" in above)
        assert not self.sanitizer_text(), self.sanitizer_text()

    def write(self, name, text, more):
        where = pathlib.Path(self.shell.type("pwd").strip()) / name
        with open(where, "a" if more else "w", encoding="utf-8") as file:
            file.write(text)

    def compare(self, typed, said, expected):
        pattern = re.compile("\n".join(re.escape(line.rstrip()).replace("…", ".*") for line in
                                       expected.strip("\n").splitlines()))
        deadline = time.monotonic() + 40 * slowness()
        while not pattern.fullmatch("\n".join(line.rstrip() for line in said.strip("\n").splitlines())):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.path.name}: not what is shown:\n{typed}\n{said}\nexpected:\n{expected}"
                                     f"\n{self.logs()}")
            time.sleep(0.3)
            said = self.shell.type(typed)
        self.compared += 1

    def logs(self):
        return "\n".join(log.read_text(errors="replace")[-4000:] for log in self.home.rglob("*.log"))

    def close(self):
        self.shell.close()
