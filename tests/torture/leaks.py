"""
leaks - where a planted secret lies that should be nowhere

Looked at after a round: every file a host wrote (log, state, core files), what it said of itself at the end, what
anybody saw of its processes, and every dead letter. Its configuration is where the secrets come from.
"""


def found(hosts, dead_letters):
    """Names of the places."""
    places = []
    for host in hosts:
        texts = [("status", host.seen), *host.shown.items(), *((path.name, path.read_bytes()) for path in _files(host))]
        places += [f"{name} of {host.name}" for name, text in texts if any(s in text for s in host.secrets)]
    secrets = {secret for host in hosts for secret in host.secrets}
    places += [f"dead letter {d.partition}:{d.offset}" for d in dead_letters if any(s in _bytes(d) for s in secrets)]
    return places


def _files(host):
    return [path for path in host.directory.rglob("*") if path.is_file() and path != host.config]


def _bytes(letter):
    return b"\0".join(part or b"" for part in (letter.key, letter.value, *(value for _, value in letter.headers or ())))
