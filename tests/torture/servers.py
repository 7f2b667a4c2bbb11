"""
servers - the servers that all rounds of a run share, and the doors through which the hosts see them

Each host has doors of its own, so that one can be cut off while another is not. Brokers have a listener for
each host, which names that host's door as its address. Producer, watch and judge go straight to the servers.
"""

from support import newest_rdkafka
from support.cache import kafka_line
from support.process import free_port
from support.servers import Kafka, KafkaCluster, Postgres, Redis

from . import cgroup, disk
from .proxy import Doors

HOSTS = ("a", "b")


class Servers:
    def __init__(self, brokers=1):
        self.doors = Doors()
        self.kafka = self._cluster(brokers) if brokers > 1 else Kafka(doors=self._listeners())
        self.postgres = Postgres(settings={"wal_level": "minimal", "max_wal_senders": 0})
        self.redis = Redis()
        self.disk = None
        self.has_groups = False
        self.newest, self.newest_lacks = None, ""  # environment of a program with the newest librdkafka
        for host in HOSTS:
            self.doors.open("postgres", host, self.postgres.port)
            self.doors.open("redis", host, self.redis.port)

    def _listeners(self):
        """{name of a listener: (its port, the port of the door before it)}"""
        found = {}
        for host in HOSTS:
            port = free_port()
            found[host.upper()] = (port, self.doors.open("kafka", host, port).port)
        return found

    def _cluster(self, count):
        return KafkaCluster(count, doors=[self._listeners() for _ in range(count)])

    def start(self):
        self.kafka.start()
        self.postgres.start()
        self.redis.start()
        self.disk = disk.mount(self.postgres)
        self.has_groups = cgroup.is_possible()
        try:
            self.newest = newest_rdkafka.environment()
        except RuntimeError as error:
            self.newest_lacks = str(error)
        # The broker makes its topic of commits when the first group asks for its coordinator.
        self.kafka.create_topic("warm-up", 1)
        self.kafka.committed("warm-up", "warm-up")
        return self

    def lacks(self, assignment):
        """Why no onced can be run with it here, "" where it can."""
        if assignment == "consumer" and kafka_line().startswith("3."):
            return "brokers before 4.0 do not assign"
        return "" if assignment == "eager" else self.newest_lacks

    @property
    def brokers(self):
        return getattr(self.kafka, "brokers", [self.kafka])

    def bootstrap_of(self, host):
        return ",".join(f"127.0.0.1:{door.port}" for door in self.doors.find("kafka", host))

    def port_of(self, kind, host):
        [door] = self.doors.find(kind, host)
        return door.port

    def take_redis(self, redis):
        """Another server has the address now."""
        self.redis = redis
        for door in self.doors.find("redis"):
            door.target_port = redis.port
            door.reset()

    def restore(self):
        """Whatever a round did to them: all of them run, and nothing is in the way."""
        self.doors.heal()
        for server in (*self.brokers, self.postgres, self.redis):
            server.sigcont()
        self.kafka.start()
        self.postgres.start()
        self.redis.start()
        for server in (*self.brokers, self.postgres, self.redis):
            server.wait_started()
        if self.disk:
            self.disk.empty()

    def close(self):
        self.kafka.close()
        self.postgres.close()
        self.redis.close()
        self.doors.close()
        if self.disk:
            self.disk.close()
