"""
tls_files - an authority, what it signed, and another one that nobody should trust

    ca.pem other.pem     authorities
    server.pem .key      for the name localhost, and for no address
    client.pem .key

Made anew for each directory by the openssl program.
"""

import subprocess

_MAKE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2"]


def make_tls_files(directory):
    def make(name, subject, *more):
        subprocess.run([*_MAKE, "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem",
                        "-subj", f"/CN={subject}", *more], check=True, capture_output=True)

    signed = ["-CA", directory / "ca.pem", "-CAkey", directory / "ca.key"]
    make("ca", "onced tests")
    make("other", "somebody else")
    make("server", "localhost", "-addext", "subjectAltName=DNS:localhost", *signed)
    make("client", "onced", *signed)
    return directory
