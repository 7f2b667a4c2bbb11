"""
secured_kafka - a broker with TLS, logins and access control, beside an open door for the tests

The plain listener's user is ANONYMOUS, who may everything: topics, records and rights are made
there. The secured one speaks SASL over TLS with a certificate for `localhost` alone.
"""

import shutil

from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType,
                                   ResourcePatternType, ResourceType)

from .cache import scratch_dir
from .certificates import Authority
from .kafka_server import Kafka
from .process import free_port

USER = "app"
PASSWORD = "planted-secret-of-the-broker"
_JAAS = "org.apache.kafka.common.security"


class SecuredKafka(Kafka):
    name = "secured-kafka"

    def __init__(self):
        self.certificates = scratch_dir("ca")
        self.authority = Authority(self.certificates, "authority")
        self.stranger = Authority(self.certificates, "stranger")
        self.secured_port = free_port()
        plain, controller = free_port(), free_port()
        super().__init__(port=plain, voters=f"1@127.0.0.1:{controller}", settings=self._security(plain, controller),
                         format_options=["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"])

    def _security(self, plain, controller):
        key, certificate = self.authority.sign("server", ["localhost"])
        store = self.certificates / "server.pem"
        store.write_text(key.read_text() + certificate.read_text())
        prefix = "listener.name.sasl_ssl"
        return {
            "listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{self.secured_port},"
                         f"CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{self.secured_port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            f"{prefix}.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.plain.sasl.jaas.config":
                f'{_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}" user_nobody="nothing";',
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.certificate,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "false",
        }

    def client(self, mechanism="SCRAM-SHA-512", **changes):
        """What [kafka] says to come in by the secured door; `changes` have _ for the dots."""
        return {
            "bootstrap.servers": f"localhost:{self.secured_port}",
            "broker.address.family": "v4",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": self.authority.certificate,
            **{key.replace("_", "."): value for key, value in changes.items()},
        }

    # ---- rights ----

    @staticmethod
    def _right(kind, name, operation):
        return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation,
                          AclPermissionType.ALLOW)

    def allow(self, topic=None, group=None, operations=("READ",)):
        kind, name = (ResourceType.TOPIC, topic) if topic else (ResourceType.GROUP, group)
        bindings = [self._right(kind, name, AclOperation[operation]) for operation in operations]
        for future in self.admin.create_acls(bindings).values():
            future.result()

    def forbid(self, topic=None, group=None):
        """Takes every right on it."""
        kind, name = (ResourceType.TOPIC, topic) if topic else (ResourceType.GROUP, group)
        wanted = AclBindingFilter(kind, name, ResourcePatternType.LITERAL, None, None, AclOperation.ANY,
                                  AclPermissionType.ANY)
        for future in self.admin.delete_acls([wanted]).values():
            future.result()

    def close(self):
        super().close()
        shutil.rmtree(self.certificates, ignore_errors=True)
