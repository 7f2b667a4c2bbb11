"""
redis_server - a throw-away Redis on a free loopback port

Nobody may use it without a password: `app` has the rights that docs/redis-store.md names and no others,
`admin` all. Nothing is kept across a restart unless asked for. The client here speaks just enough of
the protocol for a side door.
"""

import shutil
import socket

from .cache import scratch_dir
from .process import Server, free_port
from .tls_files import make_tls_files

USER = "app"
PASSWORD = "planted-secret-of-redis"
ADMIN_PASSWORD = "secret-of-the-side-door"
# At a Sentinel: `asker` may ask for the master, `mute` may not.
SENTINEL_PASSWORD = "planted-secret-of-sentinel"
RIGHTS = ("~onced:* +auth +select +info +script|load +evalsha +eval +time +get +mget +set +del +hset +hget"
          " +hgetall +hdel +pexpire")


class Refused(Exception):
    """What Redis answers with a minus sign."""


class RedisClient:
    def __init__(self, port, user="admin", password=ADMIN_PASSWORD, seconds=10):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._file = self._socket.makefile("rb")
        if password:
            self.call("AUTH", user, password)

    def call(self, *words):
        parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        head = b"*%d\r\n" % len(parts)
        self._socket.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._reply()

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tls_settings(port, files):
    """TLS on another port, for clients with a certificate; also what this one asks of others goes over it."""
    return {
        "tls-port": port,
        "tls-cert-file": files / "server.pem",
        "tls-key-file": files / "server.key",
        "tls-ca-cert-file": files / "ca.pem",
        "tls-auth-clients": "yes",
        "tls-replication": "yes",
    }


class Redis(Server):
    name = "redis"
    start_seconds = 20

    def __init__(self, settings=None, is_durable=False, rights=RIGHTS, replica_of=None, has_tls=False):
        super().__init__(scratch_dir("redis"))
        if not shutil.which("redis-server"):
            raise RuntimeError("no redis-server here (Debian package: redis-server)")
        self.port = free_port()
        self.socket_path = self.directory / "redis.sock"
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "unixsocket": self.socket_path,
            "dir": self.directory,
            "save": '""',
            "appendonly": "yes" if is_durable else "no",
            "appendfsync": "always" if is_durable else "no",
            "maxmemory-policy": "noeviction",
            "repl-diskless-sync-delay": 0,
            "masteruser": "admin",
            "masterauth": ADMIN_PASSWORD,
            **(settings or {}),
        }
        self.tls_port = free_port() if has_tls else None
        # A replica has the files of its master, and is known by the name that stands in them.
        self.tls_files = replica_of.tls_files if replica_of else self.directory
        if has_tls:
            lines |= {**tls_settings(self.tls_port, self.tls_files), "replica-announce-ip": "localhost"}
            if not replica_of:
                make_tls_files(self.tls_files)
        if replica_of:
            lines["replicaof"] = f"localhost {replica_of.tls_port}" if has_tls else f"127.0.0.1 {replica_of.port}"
        with open(self.directory / "redis.conf", "w") as conf:
            for key, value in lines.items():
                conf.write(f"{key} {value}\n")
            # Off it could not load transactions, and so no scripts, from its append-only file.
            conf.write(f"user default on >{ADMIN_PASSWORD} ~* &* +@all\n")
            conf.write(f"user {USER} on >{PASSWORD} resetchannels {rights}\n")
            conf.write(f"user admin on >{ADMIN_PASSWORD} ~* &* +@all\n")

    def command(self):
        return ["redis-server", str(self.directory / "redis.conf")]

    def promote(self):
        """A replica becomes a master for good, also when it is started anew."""
        self.call("REPLICAOF", "NO", "ONE")
        conf = self.directory / "redis.conf"
        conf.write_text("".join(line for line in conf.read_text().splitlines(keepends=True)
                                if not line.startswith("replicaof ")))

    def is_ready(self):
        try:
            with self.client(seconds=2) as client:
                return client.call("PING") == "PONG"
        except (OSError, Refused):
            return False

    def client(self, seconds=10):
        return RedisClient(self.port, seconds=seconds)

    def call(self, *words):
        with self.client() as client:
            return client.call(*words)

    def info(self, name):
        for line in self.call("INFO").decode().splitlines():
            if line.startswith(name + ":"):
                return line.split(":", 1)[1]
        return None

    def url(self, db=0):
        return f"redis://127.0.0.1:{self.port}/{db}"

    def tls_url(self, host="localhost", ca="ca.pem", db=0):
        """As a client with a certificate, which trusts that authority."""
        return f"rediss://{host}:{self.tls_port}/{db}{self.tls_options(ca)}"

    def tls_options(self, ca="ca.pem"):
        return f"?ca={self.tls_files / ca}&cert={self.tls_files}/client.pem&key={self.tls_files}/client.key"

    def url_with_login(self, user=USER, password=PASSWORD, db=0):
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/{db}"


class Sentinel(Redis):
    """Watches one master; a failover takes about a second. With TLS it knows no other port of the master."""

    name = "sentinel"

    def __init__(self, master, name="shop", wants_login=False, has_tls=False):
        super().__init__()
        self.master_name = name
        self.tls_port = free_port() if has_tls else None
        self.tls_files = master.tls_files
        # Certificates are for names: what it says of a master is to be one.
        secured = "".join(f"{key} {value}\n" for key, value in {
            **tls_settings(self.tls_port, self.tls_files), "sentinel resolve-hostnames": "yes",
            "sentinel announce-hostnames": "yes"}.items()) if has_tls else ""
        address = f"localhost {master.tls_port}" if has_tls else f"127.0.0.1 {master.port}"
        self.password = SENTINEL_PASSWORD if wants_login else None
        login = (f"requirepass {SENTINEL_PASSWORD}\n"
                 f"user asker on >{SENTINEL_PASSWORD} +auth +sentinel|get-master-addr-by-name\n"
                 f"user mute on >{SENTINEL_PASSWORD} +auth\n")
        (self.directory / "redis.conf").write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {self.directory}\n{secured}"
            f"sentinel monitor {name} {address} 1\n"
            f"sentinel auth-user {name} admin\n"
            f"sentinel auth-pass {name} {ADMIN_PASSWORD}\n"
            f"sentinel down-after-milliseconds {name} 500\n"
            f"sentinel failover-timeout {name} 3000\n" + (login if wants_login else ""))

    def command(self):
        return ["redis-server", str(self.directory / "redis.conf"), "--sentinel"]

    def client(self, seconds=10):
        return RedisClient(self.port, "default", self.password, seconds)

    def tls_url(self, host="localhost", port=None, ca="ca.pem"):
        return f"rediss+sentinel://{host}:{port or self.tls_port}/{self.master_name}{self.tls_options(ca)}"
