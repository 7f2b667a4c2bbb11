"""
listener - the TCP listener of a onced: where it is, and a request to it
"""

import http.client

from support.process import free_port


def listening(host="127.0.0.1"):
    """(port, changes to the configuration that have onced listen there)"""
    port = free_port()
    return port, {"onced": {"http.listen": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}}


def ask(port, target, method="GET", host="127.0.0.1", timeout=20):
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
