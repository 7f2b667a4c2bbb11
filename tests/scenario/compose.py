"""
compose - services of deploy/compose as their images would run them, without an engine

The broker has the properties that Kafka's image makes of the environment, and no others; its tools are there under the
names that the image has for them. Addresses are ours.
"""

import os
import re
import subprocess

import yaml

from support.cache import kafka_libs, scratch_dir
from support.kafka_client import KafkaClient
from support.kafka_server import JVM, Kafka
from support.process import Server, free_port

from .harness import ROOT

DIRECTORY = ROOT / "deploy" / "compose"
FILE = DIRECTORY / "compose.yaml"
INSIDE = "kafka:19092"  # the broker, among the services
TOOLS = {
    "kafka-topics.sh": "TopicCommand",
    "kafka-console-producer.sh": "ConsoleProducer",
    "kafka-broker-api-versions.sh": "BrokerApiVersionsCommand",
}


def services():
    return yaml.safe_load(FILE.read_text())["services"]


def broker_properties(environment):
    """As the image has it: KAFKA_A_B is a.b. Once one is given, the defaults of the image are not used."""
    made = {name[len("KAFKA_"):].lower().replace("_", "."): value for name, value in environment.items()}
    assert all(name.startswith("KAFKA_") and "__" not in name for name in environment), environment
    return made


class Broker(Kafka):
    """The service `kafka`: what it writes goes where its volume is."""

    def __init__(self):
        service = services()["kafka"]
        Server.__init__(self, scratch_dir("compose"))
        self.port = free_port()
        KafkaClient.__init__(self, f"127.0.0.1:{self.port}")
        [volume] = service["volumes"]
        ports = {"19092": self.port, "9092": free_port(), "9093": free_port()}
        text = "".join(f"{k}={v}\n" for k, v in broker_properties(service["environment"]).items())
        assert volume.split(":")[1] in text, "the broker does not write to its volume"
        text = text.replace(volume.split(":")[1], str(self.directory / "data"))
        text = re.sub(r"(://|@)(?:kafka|127\.0\.0\.1)?:(\d+)", lambda m: f"{m[1]}127.0.0.1:{ports[m[2]]}", text)
        self._properties = self.directory / "server.properties"
        self._properties.write_text(text)
        self._libs = f"{kafka_libs()}/*"
        self._format(())
        self.tools = self._put_tools()

    def _put_tools(self):
        """Of the scripts in the image's /opt/kafka/bin, those that compose.yaml uses."""
        directory = self.directory / "bin"
        directory.mkdir()
        for name, program in TOOLS.items():
            (directory / name).write_text(
                f"#!/bin/sh\nexec java -Xmx128m {' '.join(JVM)} -cp '{self._libs}' org.apache.kafka.tools.{program} \"$@\"\n")
            (directory / name).chmod(0o755)
        return directory

    def translated(self, text):
        """A word of compose.yaml, or a script of it, with paths and addresses that are there."""
        text = text.replace("/opt/kafka/bin", str(self.tools)).replace(INSIDE, self.bootstrap)
        for script in DIRECTORY.glob("*.sh"):
            text = re.sub(rf"(?<![\w/])/{script.name}\b", str(self._script(script)), text)
        return text

    def _script(self, script):
        here = self.directory / script.name
        here.write_text(script.read_text().replace("/opt/kafka/bin", str(self.tools)))
        return here

    def run(self, words, **environment):
        """A command of a service, as a list of words, to its end."""
        return subprocess.run([self.translated(word) for word in words], env={**os.environ, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
