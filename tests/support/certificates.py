"""
certificates - a throw-away certificate authority, and what it signs

Elliptic keys, valid for two days, made by openssl(1). A server's certificate names hosts, so that a
client which comes by another name can be seen to refuse it.
"""

import pathlib
import subprocess


def _openssl(*arguments, cwd):
    subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, check=True, capture_output=True, timeout=60)


class Authority:
    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.key = self.directory / f"{name}.key"
        self.certificate = self.directory / f"{name}.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate, cwd=self.directory)

    def sign(self, name, hosts=()):
        """(key, certificate) of a server for these DNS names, or of a client."""
        key, request, certificate, more = (self.directory / f"{name}.{end}" for end in ("key", "csr", "crt", "ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request, cwd=self.directory)
        more.write_text(f"subjectAltName={','.join('DNS:' + host for host in hosts) or 'DNS:' + name}\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                 "-days", "2", "-extfile", more, "-out", certificate, cwd=self.directory)
        return key, certificate
