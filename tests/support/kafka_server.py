"""
kafka_server - a real Apache Kafka broker (KRaft, broker and controller in one process) on free ports

The JVM is trimmed for a test machine: half a gigabyte of heap at most, first-tier compiler, serial
collector. A cluster of several brokers is `KafkaCluster`.
"""

import subprocess

import confluent_kafka.admin

from .cache import POM, kafka_libs, kafka_line, scratch_dir
from .kafka_client import KafkaClient
from .process import Server, free_port

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]


def _listeners(port, controller, doors):
    """
    The listeners for clients and the controller, and one for each of `doors`: {name: (port, port of whatever
    stands before it)}, whose clients are sent to the latter.
    """
    own = {"PLAINTEXT": (port, port), **(doors or {})}
    return {
        "listeners": ",".join([*(f"{n}://127.0.0.1:{at}" for n, (at, _) in own.items()),
                               f"CONTROLLER://{controller}"]),
        "advertised.listeners": ",".join(f"{n}://127.0.0.1:{shown}" for n, (_, shown) in own.items()),
        "listener.security.protocol.map": ",".join(f"{n}:PLAINTEXT" for n in (*own, "CONTROLLER")),
    }


def _settings(node, port, voters, replicas, doors=None):
    controller = dict(v.split("@") for v in voters.split(","))[str(node)]
    return {
        **_listeners(port, controller, doors),
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": "data",
        "num.partitions": 1,
        "default.replication.factor": replicas,
        "min.insync.replicas": min(2, replicas),
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": min(2, replicas),
        "transaction.state.log.num.partitions": 4,
        # looked for, not waited for: what a dead producer left open is aborted when its time is over
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": min(2, replicas),
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 2000,
        # of groups whose brokers assign
        "group.consumer.min.session.timeout.ms": 2000,
        "group.consumer.session.timeout.ms": 6000,
        "group.consumer.min.heartbeat.interval.ms": 500,
        "group.consumer.heartbeat.interval.ms": 500,
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        "log.segment.delete.delay.ms": 1000,
        "log.retention.hours": -1,
        "broker.session.timeout.ms": 6000,
        "replica.lag.time.max.ms": 5000,
    }


class Kafka(Server, KafkaClient):
    name = "kafka"
    start_seconds = 600  # a JVM, on a machine that may be busy
    stop_seconds = 40

    def __init__(self, node=1, port=None, voters=None, replicas=1, settings=None, doors=None, format_options=(),
                 line=None):
        Server.__init__(self, scratch_dir("kafka"))
        self.port = port or free_port()
        KafkaClient.__init__(self, f"127.0.0.1:{self.port}")
        voters = voters or f"{node}@127.0.0.1:{free_port()}"
        properties = {**_settings(node, self.port, voters, replicas, doors), **(settings or {})}
        self._properties = self.directory / "server.properties"
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
        self._libs = f"{kafka_libs(line)}/*"
        self._format(format_options)

    def _format(self, options):
        command = ["java", "-Xmx128m", *JVM, "-cp", self._libs, "kafka.tools.StorageTool", "format",
                   "-t", CLUSTER_ID, "-c", str(self._properties), *options]
        result = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=600)
        if result.returncode != 0:
            raise RuntimeError(f"cannot format the broker's storage:\n{result.stdout}{result.stderr}")

    def command(self):
        return ["java", "-Xms128m", "-Xmx512m", *JVM, "-Dbroker.log=broker.log",
                f"-Dlog4j2.configurationFile={POM.parent / 'log4j2.properties'}",
                f"-Dlog4j.configuration=file:{POM.parent / 'log4j.properties'}",
                "-cp", self._libs, "kafka.Kafka", str(self._properties)]

    def is_ready(self):
        probe = confluent_kafka.admin.AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "socket.timeout.ms": 2000})
        try:
            return bool(probe.list_topics(timeout=1.5).brokers)
        except confluent_kafka.KafkaException:
            return False

    def log_tail(self, lines=40):
        try:
            text = (self.directory / "broker.log").read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        return Server.log_tail(self, lines) + "\n" + "\n".join(text.splitlines()[-lines:])

    def close(self):
        self.close_clients()
        Server.close(self)


class KafkaCluster(KafkaClient):
    """Several brokers, each also a controller. Address any of them by `brokers[i]`."""

    def __init__(self, count=3, doors=None):
        voters = ",".join(f"{i}@127.0.0.1:{free_port()}" for i in range(1, count + 1))
        self.brokers = [
            Kafka(node=i, voters=voters, replicas=count, doors=doors[i - 1] if doors else None)
            for i in range(1, count + 1)]
        KafkaClient.__init__(self, ",".join(broker.bootstrap for broker in self.brokers))

    def start(self):
        # A broker answers only when the quorum stands: start all, then wait for each.
        for broker in self.brokers:
            if not broker.is_running():
                broker.launch()
        for broker in self.brokers:
            broker.wait_started()
        return self

    def is_running(self):
        return all(broker.is_running() for broker in self.brokers)

    def close(self):
        self.close_clients()
        for broker in self.brokers:
            broker.close()
