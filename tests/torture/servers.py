"""
servers - the servers that all rounds of a run share
"""

from support.servers import Kafka, KafkaCluster, Postgres


class Servers:
    def __init__(self, brokers=1):
        self.kafka = KafkaCluster(brokers) if brokers > 1 else Kafka()
        self.postgres = Postgres()

    def start(self):
        self.kafka.start()
        self.postgres.start()
        # The broker makes its topic of commits when the first group asks for its coordinator.
        self.kafka.create_topic("warm-up", 1)
        self.kafka.committed("warm-up", "warm-up")
        return self

    @property
    def brokers(self):
        return getattr(self.kafka, "brokers", [self.kafka])

    def restore(self):
        """Whatever a round did to them: all of them run."""
        for server in (*self.brokers, self.postgres):
            server.sigcont()
            server.start()

    def close(self):
        self.kafka.close()
        self.postgres.close()
