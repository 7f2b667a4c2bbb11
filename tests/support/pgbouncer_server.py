"""
pgbouncer_server - a pooler in front of a Postgres of the tests

Knows the databases of that server by their own names. In transaction mode, as here by default, each
transaction of a client may run on another connection of the server. As root it becomes the user
`postgres`: it refuses to be root.
"""

import os
import pwd

import psycopg2

from .cache import scratch_dir
from .postgres_server import PASSWORD, USER
from .process import Server, free_port


class Pgbouncer(Server):
    name = "pgbouncer"
    start_seconds = 30

    def __init__(self, postgres, pool_mode="transaction", pool_size=12):
        super().__init__(scratch_dir("bouncer"))
        self.port = free_port()
        self.config = self.directory / "pgbouncer.ini"
        users = self.directory / "users.txt"
        users.write_text(f'"{USER}" "{PASSWORD}"\n')
        self.config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={postgres.port}\n"
            "[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {users}\n"
            f"pool_mode = {pool_mode}\ndefault_pool_size = {pool_size}\nmax_client_conn = 200\n"
            # connections of the server go round among the clients: what one leaves another finds
            "server_round_robin = 1\nserver_login_retry = 1\n")
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (self.directory, users, self.config):
                os.chown(path, user.pw_uid, user.pw_gid)

    def command(self):
        run = ["/usr/sbin/pgbouncer", str(self.config)]
        if os.geteuid() != 0:
            return run
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL", *run]

    def is_ready(self):
        try:
            psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD,
                             dbname="postgres", connect_timeout=2).close()
            return True
        except psycopg2.OperationalError:
            return False

    def url(self, database="postgres", with_password=False):
        login = f"{USER}:{PASSWORD}@" if with_password else ""
        return f"postgresql://{login}127.0.0.1:{self.port}/{database}"
