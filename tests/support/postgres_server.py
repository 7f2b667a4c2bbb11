"""
postgres_server - a throw-away PostgreSQL on a free loopback port

Runs the server binary itself as a direct child (no pg_ctl), as the user `postgres` where the tests
run as root, which PostgreSQL refuses to be. Nothing is synced to disk unless asked: a killed process
loses nothing that the kernel holds, only a killed machine would; `synchronous_commit` stays on, since its
buffer belongs to the process.
"""

import os
import pathlib
import pwd
import signal
import subprocess

import psycopg2

from .cache import scratch_dir
from .process import Server, free_port, send_signal

USER = "app"
PASSWORD = "planted-secret-of-the-store"


def bin_dir():
    """Debian keeps server binaries out of PATH; the newest installed version is taken."""
    versions = pathlib.Path("/usr/lib/postgresql")
    found = sorted((p for p in versions.glob("*/bin/initdb")), key=lambda p: int(p.parts[-3]))
    if not found:
        raise RuntimeError("no PostgreSQL server below /usr/lib/postgresql (Debian package: postgresql)")
    return found[-1].parent


class Postgres(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": connections are ended, the data is left clean
    start_seconds = 30

    def __init__(self, durable=False, settings=None):
        super().__init__(scratch_dir("pg"))
        self.port = free_port()
        self.data = self.directory / "data"
        self._settings = {
            "listen_addresses": "'127.0.0.1'",
            "port": self.port,
            "unix_socket_directories": f"'{self.directory}'",
            "shared_buffers": "32MB",
            "max_connections": 60,
            "deadlock_timeout": "100ms",
            "autovacuum": "off",
            "log_min_messages": "warning",
            **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
            **(settings or {}),
        }
        self._initdb()

    def _as_user(self, *command):
        if os.geteuid() != 0:
            return list(command)
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                "--pdeathsig=KILL", *command]

    def _initdb(self):
        password = self.directory / "pw"
        password.write_text(PASSWORD + "\n")
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            os.chown(password, user.pw_uid, user.pw_gid)
        command = self._as_user(
            str(bin_dir() / "initdb"), "-D", str(self.data), "-U", USER, f"--pwfile={password}",
            "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        with open(self.data / "postgresql.conf", "a") as conf:
            for key, value in self._settings.items():
                conf.write(f"{key} = {value}\n")

    def command(self):
        return self._as_user(str(bin_dir() / "postgres"), "-D", str(self.data))

    def close(self):
        """Immediate, but by its own hand: SIGKILL would leave shared memory behind."""
        if self.is_running():
            self.sigcont()
            send_signal(self.process.pid, signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        super().close()

    def is_ready(self):
        try:
            self.connect(connect_timeout=2).close()
            return True
        except psycopg2.OperationalError:
            return False

    def url(self, database="postgres", with_password=False):
        login = f"{USER}:{PASSWORD}@" if with_password else ""
        return f"postgresql://{login}127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres", **options):
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database,
            **options)
        connection.autocommit = True
        return connection

    def execute(self, sql, parameters=None, database="postgres"):
        """One statement, its rows (none: an empty list)."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create_database(self, name):
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')

    def drop_database(self, name):
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def terminate_backends(self, database):
        """Ends every other connection to that database, as an administrator would; says how many."""
        rows = self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()", (database,))
        return len(rows)
