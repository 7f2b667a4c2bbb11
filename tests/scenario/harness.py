"""
harness - one onced under test: configured, started, watched, hit, stopped

The program is the real binary of a build directory: $ONCED_BUILD, else build/. Waiting is always for
something seen from outside (status, metrics, effects), with a deadline. stop() is part of every
test: exit status, leftover processes, leftover socket, sanitizer reports and planted secrets.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from support.process import children_of, die_with_parent, is_alive, send_signal, wait_for

from . import control

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONCED_BUILD", ROOT / "build")).resolve()
LSAN_SUPPRESSIONS = ROOT / "tests" / "support" / "lsan.supp"
TSAN_SUPPRESSIONS = ROOT / "tests" / "support" / "tsan.supp"
# Only in a build with the thread sanitizer.
C11_THREADS = BUILD / "tests" / "support" / "libc11_threads.so"
WALL_CLOCK = BUILD / "tests" / "support" / "libwall_clock.so"
NAME_SERVER = BUILD / "tests" / "support" / "libname_server.so"


def build_option(name):
    """An option of the build under test, as meson knows it."""
    with open(BUILD / "meson-info" / "intro-buildoptions.json") as file:
        for option in json.load(file):
            if option["name"] == name:
                return option["value"]
    raise KeyError(name)


def is_sanitized():
    return build_option("b_sanitize") != "none"


def slowness():
    """Factor for deadlines: sanitizers and a busy machine make everything slower, not wrong."""
    return float(os.environ.get("ONCED_SLOWNESS", "3" if is_sanitized() else "1.5"))


def write_ini(sections):
    """{section: {key: value}} as INI text; None leaves a key out, lines of a value are indented."""
    text = []
    for section, keys in sections.items():
        text.append(f"[{section}]")
        for key, value in keys.items():
            if value is not None:
                text.append(f"{key} = " + "\n    ".join(str(value).strip().splitlines()))
        text.append("")
    return "\n".join(text)


def merge(base, changes):
    """A copy of `base` with the keys of `changes` on top; a section set to None is taken out."""
    merged = {section: dict(keys) for section, keys in base.items()}
    for section, keys in (changes or {}).items():
        if keys is None:
            merged.pop(section, None)
        else:
            merged.setdefault(section, {}).update(keys)
    return merged


def run_tool(*arguments, env=None, timeout=60, program="onced"):
    """A command that ends by itself (--check-config and the like)."""
    return subprocess.run(
        [str(BUILD / program), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout * slowness(), env={**os.environ, **(env or {})})


class WallClock:
    """The wall clock of the processes that are given it, set while they run."""

    def __init__(self, path):
        self.path = path
        self.set_ahead(0)

    def set_ahead(self, ms):
        # in place: it is mapped
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(ms.to_bytes(8, sys.byteorder, signed=True))


class NameServer:
    """What name servers say of some names to the processes that are given it, set while they run."""

    def __init__(self, path):
        self.path = path

    def set(self, **names):
        """Addresses of a name, "?" for no answer, "!" for no such name; _ stands for a dot."""
        written = self.path.with_suffix(".new")
        written.write_text("".join(f"{name.replace('_', '.')} {says}\n" for name, says in names.items()))
        written.rename(self.path)


class Onced:
    def __init__(self, directory, sections, env=None, secrets=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.sections = sections
        self.socket = self.directory / "control.sock"
        self.config = self.directory / "onced.ini"
        self.log_path = self.directory / "onced.log"
        self.env = env or {}
        self.secrets = [s.encode() for s in secrets]
        self.process = None
        self.sessions = []
        self.prepare = lambda: None  # in the new process, before it becomes onced
        self.wall_clock = None  # a WallClock: theirs instead of the machine's
        self.name_server = None  # a NameServer
        self.prefix = []  # a command that runs onced as its only child, and ends as it does
        self.program = str(BUILD / "onced")
        self.seen = b""

    # ---- life ----

    def write_config(self):
        own = {"control.socket": self.socket, "state.dir": self.directory / "state"}
        (self.directory / "state").mkdir(exist_ok=True)
        merged = merge({"onced": own}, self.sections)
        self.config.write_text(write_ini(merged))
        self.config.chmod(0o600)
        return self.config

    def _environment(self):
        sanitizer = f"log_path={self.directory}/sanitizer:halt_on_error=1:abort_on_error=0:exitcode=99"
        preloaded = [path for path, is_wanted in ((C11_THREADS, C11_THREADS.exists()),
                                                  (WALL_CLOCK, self.wall_clock),
                                                  (NAME_SERVER, self.name_server)) if is_wanted]
        return {
            **os.environ,
            "ASAN_OPTIONS": f"{sanitizer}:detect_leaks=1:verify_asan_link_order=0",
            "UBSAN_OPTIONS": f"{sanitizer}:print_stacktrace=1",
            "TSAN_OPTIONS": f"{sanitizer}:suppressions={TSAN_SUPPRESSIONS}:report_thread_leaks=0",
            "LSAN_OPTIONS": f"suppressions={LSAN_SUPPRESSIONS}:print_suppressions=0",
            **({"LD_PRELOAD": " ".join(map(str, preloaded))} if preloaded else {}),
            **({"ONCED_TEST_WALL_CLOCK": str(self.wall_clock.path)} if self.wall_clock else {}),
            **({"ONCED_TEST_NAMES": str(self.name_server.path)} if self.name_server else {}),
            **self.env,
        }

    def start(self, wait=True):
        assert self.process is None or self.process.poll() is not None, "still running"
        self.write_config()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "-c", str(self.config)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=self._in_child,
                env=self._environment())
        self.sessions.append(self.process.pid)
        if wait:
            self.wait_ready()
        return self

    def _in_child(self):
        die_with_parent()
        self.prepare()

    @property
    def pid(self):
        return children_of(self.process.pid)[0] if self.prefix else self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        """Every living process of every start so far: supervisors, workers, orphans."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and _session_of(int(entry)) in self.sessions and is_alive(int(entry)):
                found.append(int(entry))
        return found

    def terminate(self, number=signal.SIGTERM):
        send_signal(self.pid, number)

    def wait_exit(self, seconds=30):
        try:
            return self.process.wait(seconds * slowness())
        except subprocess.TimeoutExpired:
            raise AssertionError(f"onced did not end in time\n{self.log_tail()}") from None

    def stop(self, expect=0, seconds=30):
        """Drain by SIGTERM and hold the remains to what is promised."""
        self.note_secrets()
        self.terminate()
        code = self.wait_exit(seconds)
        assert code == expect, f"exit status {code}, expected {expect}\n{self.log_tail()}"
        self.check_remains()

    def check_remains(self):
        wait_for(lambda: not self.pids(), 5, "all processes of onced are gone")
        assert not self.socket.exists(), "the control socket was left behind"
        self.check_reports()

    def check_reports(self):
        assert not self.sanitizer_text(), self.sanitizer_text()
        everything = self.log_path.read_bytes() + self.seen
        for secret in self.secrets:
            assert secret not in everything, "a secret was printed to log, status or metrics"

    def kill_everything(self):
        """End of a test, however it went."""
        for pid in self.pids():
            send_signal(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    # ---- watching ----

    def status(self):
        return control.status(self.socket)

    def metrics(self):
        return control.metrics(self.socket)

    def note_secrets(self):
        for target in ("/v1/status", "/metrics"):
            try:
                self.seen += control.get(self.socket, target)[1].encode()
            except control.NotReachable:
                pass

    def consumer(self, name="c"):
        for consumer in self.status()["consumers"]:
            if consumer["name"] == name:
                return consumer
        raise AssertionError(f"status knows no consumer {name}")

    def workers(self, name="c"):
        return self.consumer(name)["workers"]

    def worker_pids(self, name="c"):
        return [w["pid"] for w in self.workers(name) if w.get("pid")]

    def partitions(self, name="c"):
        """{(topic, partition): status entry} of the partitions that somebody here owns."""
        return {(p["topic"], p["partition"]): p for p in self.consumer(name)["partitions"]
                if p["worker"] is not None}

    def wait_until(self, predicate, seconds, what):
        """As wait_for; an onced that is not reachable just now is not an answer, a dead one ends it."""
        def asked():
            if not self.is_running():
                raise AssertionError(f"onced ended with {self.process.poll()} while waiting: {what}\n{self.log_tail()}")
            try:
                return predicate()
            except control.NotReachable:
                return False
        try:
            return wait_for(asked, seconds * slowness(), what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.state_text()}\n{self.log_tail()}") from None

    def wait_ready(self, seconds=20):
        """All workers have joined their groups."""
        self.wait_until(lambda: all(
            worker["state"] in ("ready", "running") and worker.get("pid")
            for consumer in self.status()["consumers"] for worker in consumer["workers"]), seconds,
            "all workers are ready")

    def wait_assigned(self, count, seconds=30, name="c"):
        self.wait_until(lambda: len(self.partitions(name)) == count, seconds, f"{count} partitions are assigned")

    def wait_worker_exit(self, pid, seconds=30):
        self.wait_until(lambda: not is_alive(pid), seconds, f"worker {pid} is gone")

    def wait_metric(self, at_least, metric, seconds=30, **labels):
        self.wait_until(lambda: self.metrics().sum(metric, **labels) >= at_least, seconds,
                        f"{metric}{labels or ''} reaches {at_least}")

    def assert_accounted(self, seconds=5):
        """consumed = settled + abandoned + in flight, for each partition that shows it."""
        self.wait_until(lambda: self.metrics().unaccounted() == 0, seconds,
                        "consumed = settled + abandoned + in flight")
        shown = self.metrics()
        for labels, _ in shown.select("onced_records_consumed_total"):
            where = {k: labels[k] for k in ("consumer", "topic", "partition") if k in labels}
            assert self._accounted(where), f"records of {where} do not add up"

    def _accounted(self, where):
        deadline = time.monotonic() + 2
        while self.metrics().unaccounted(**where) != 0:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    # ---- words for a failure ----

    def state_text(self):
        try:
            return json.dumps(self.status(), indent=1)[:6000]
        except (control.NotReachable, AssertionError, ValueError) as error:
            return f"(no status: {error})"

    def log_tail(self, lines=60):
        try:
            tail = self.log_path.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            tail = ["(no log)"]
        return "\n".join([*tail, self.sanitizer_text()])

    def sanitizer_text(self, lines=40):
        """The beginning of each report that a sanitizer wrote; "" is how it should be."""
        return "\n".join("\n".join(p.read_text(errors="replace").splitlines()[:lines])
                         for p in self.directory.glob("sanitizer.*"))


def _session_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return -1
