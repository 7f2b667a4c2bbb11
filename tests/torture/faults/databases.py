"""
databases - what happens to PostgreSQL
"""

import signal

from support.process import send_signal

from ..modes import MODES, Postgres
from . import Fault, fault


class _Database(Fault):
    target = "postgres"

    @classmethod
    def unfit(cls, options):
        return "" if "postgres" in MODES[options.mode].uses else "the mode has no PostgreSQL"

    @property
    def server(self):
        return self.stage.postgres

    def is_over(self):
        return self.server.is_ready()


@fault
class RestartDatabase(_Database):
    """A fast restart: sessions are ended, the data is left clean."""

    name = "postgres restart"
    length = (0.0, 3.0)
    weight = 2

    def begin(self):
        self.server.stop()

    def end(self):
        self.server.launch()


@fault
class StopDatabaseAtOnce(_Database):
    """An immediate stop: no goodbye, recovery at the next start."""

    name = "postgres immediate stop"
    length = (0.0, 3.0)
    weight = 2

    def begin(self):
        send_signal(self.server.process.pid, signal.SIGQUIT)
        self.server.process.wait(20)

    def end(self):
        self.server.launch()


@fault
class TerminateBackends(_Database):
    """An administrator ends every session."""

    name = "postgres backends terminated"
    weight = 2

    def begin(self):
        self.note = f"{self.server.terminate_backends(self.stage.database)} sessions"


class _Lock(_Database):
    length = (0.5, 5.0)
    statement = ""

    def begin(self):
        self.holder = self.server.connect(self.stage.database)
        self.holder.autocommit = False
        cursor = self.holder.cursor()
        cursor.execute("SET lock_timeout = '3s'")
        cursor.execute(self.statement)

    def end(self):
        if hasattr(self, "holder"):
            self.holder.close()


@fault
class LockEffects(_Lock):
    """Somebody else holds the table of the effects."""

    name = "postgres effects locked"
    statement = "LOCK TABLE effects IN EXCLUSIVE MODE"


@fault
class LockClaims(_Lock):
    """Somebody else holds the table of the ids."""

    name = "postgres ids locked"
    statement = "LOCK TABLE onced.processed_events IN EXCLUSIVE MODE"


@fault
class ReadOnlyDatabase(_Database):
    """Transactions are read-only by default, as after a failover to a standby."""

    name = "postgres read-only"
    length = (0.5, 5.0)

    def begin(self):
        self.server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        self.server.execute("SELECT pg_reload_conf()")

    def end(self):
        self.server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        self.server.execute("SELECT pg_reload_conf()")


@fault
class FullDisk(_Database):
    """The file system of the effects has no room left."""

    name = "postgres disk full"
    length = (1.0, 5.0)

    @classmethod
    def unfit(cls, options):
        return "" if issubclass(MODES[options.mode], Postgres) else "the mode has no effects in PostgreSQL"

    @classmethod
    def lacks(cls, stage):
        return "" if stage.servers.disk else "no file system can be mounted here"

    def begin(self):
        self.stage.servers.disk.fill()

    def end(self):
        self.stage.servers.disk.empty()


class _Pooler(Fault):
    target = "pooler"

    @classmethod
    def unfit(cls, options):
        return "" if "pgbouncer" in MODES[options.mode].uses else "the mode has no pooler"

    @property
    def server(self):
        return self.stage.mode.pooler

    def end(self):
        self.server.launch()

    def is_over(self):
        return self.server.is_ready()


@fault
class RestartPooler(_Pooler):
    """The pooler is stopped in order, and started again."""

    name = "pooler restart"
    length = (0.0, 3.0)

    def begin(self):
        self.server.stop()


@fault
class KillPooler(_Pooler):
    """kill -9 of the pooler: its clients and its sessions at the server lose each other."""

    name = "pooler kill -9"
    length = (0.0, 3.0)

    def begin(self):
        self.server.kill9()
