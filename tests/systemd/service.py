"""
service - onced.service in a machine: configured, started, asked, stopped

The other half of a scenario's world: records, database and group are the world's, the program is run by
systemd from its unit file.
"""



from scenario import control
from scenario.harness import merge, slowness, write_ini
from support.postgres_server import PASSWORD
from support.process import wait_for


SECRET = "/etc/onced/secrets/store-password"
DROP_IN = "/etc/systemd/system/{unit}.d/{name}.conf"
CREDENTIALS = f"[Service]\nLoadCredential=store-password:{SECRET}\n"


class Service:
    def __init__(self, machine, world, name="onced"):
        self.machine = machine
        self.world = world
        self.unit = f"{name}.service"
        self.config = f"/etc/onced/{name.removeprefix('onced@')}.ini"
        self.place = name.replace("@", "-")
        self.socket = machine.path(f"/run/{self.place}/control.sock")
        self.drop_ins = set()

    def configure(self, changes=None):
        """The world's, but for what a service has places of its own for."""
        own = {
            "onced": {"store.password": "@cred:store-password", "log.format": None, "log.level": None},
            "consumer c": {"instance.id": None},
            "kafka": {"session.timeout.ms": 30000},
        }
        sections = merge(merge(self.world.sections(), own), changes)
        self.machine.write(SECRET, PASSWORD + "\n", 0o600)
        self.machine.write(self.config, write_ini(sections), 0o640, "root:onced")
        return self if "credentials" in self.drop_ins else self.drop_in("credentials", CREDENTIALS)

    def drop_in(self, name, text):
        self.machine.write(DROP_IN.format(unit=self.unit, name=name), text)
        self.drop_ins.add(name)
        self.machine.run("systemctl", "daemon-reload")
        return self

    def start(self):
        self.machine.run("systemctl", "start", self.unit, seconds=100)
        return self

    def ctl(self, verb, check=True, seconds=100):
        return self.machine.run("systemctl", verb, self.unit, check=check, seconds=seconds)

    def begin(self, verb):
        """The same, not waited for."""
        return self.machine.begin("systemctl", verb, self.unit)

    def show(self, *names):
        return self.machine.show(self.unit, *names)

    def main_pid(self):
        return int(self.show("MainPID"))

    def status(self):
        return control.status(self.socket)

    def metrics(self):
        return control.metrics(self.socket)

    def partitions(self):
        return self.status()["consumers"][0]["partitions"]

    def workers(self):
        return self.status()["consumers"][0]["workers"]

    def worker_pids(self):
        return [w["pid"] for w in self.workers() if w.get("pid")]

    def wait(self, predicate, seconds, what):
        def asked():
            try:
                return predicate()
            except control.NotReachable:
                return False
        try:
            return wait_for(asked, seconds * slowness(), what, every=0.1)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.machine.journal_text()}") from None

    def wait_effects(self, count, seconds=40):
        self.wait(lambda: self.world.effect_count() >= count, seconds, f"{count} effects")

    def journal(self, **fields):
        """What it wrote since the machine is up, with these fields."""
        return self.machine.journal(f"_SYSTEMD_UNIT={self.unit}", *(f"{k}={v}" for k, v in fields.items()))

    def oncectl(self, *arguments, check=True):
        return self.machine.run("oncectl", "--socket", f"/run/{self.place}/control.sock", *arguments, check=check)

    def close(self):
        """Gone without a trace for the next test, however this one went."""
        self.machine.run("systemctl", "kill", "--signal=KILL", "--kill-who=all", self.unit, check=False)
        self.machine.run("systemctl", "stop", self.unit, check=False)
        for name in self.drop_ins:
            self.machine.remove(DROP_IN.format(unit=self.unit, name=name))
        self.machine.remove(self.config)
        self.machine.run("rm", "-rf", f"/var/lib/{self.place}")
        self.machine.run("systemctl", "reset-failed", self.unit, check=False)
        self.machine.run("systemctl", "daemon-reload")
