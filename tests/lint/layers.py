"""
layers - the code map as a table: which directory may use what

The one place where layering is written down for machines; ARCHITECTURE.md says the same to people.
"""

import dataclasses

# Foreign libraries: how their headers and symbols are recognised. Each has exactly the doors below.
FOREIGN_HEADERS = {
    "librdkafka": "rdkafka",
    "libpq-fe.h": "libpq",
    "postgres_ext.h": "libpq",
    "sqlite3.h": "sqlite3",
    "hiredis": "hiredis",
    "openssl": "openssl",
    "systemd": "libsystemd",
    "microhttpd.h": "libmicrohttpd",
    "curl": "libcurl",
    "jansson.h": "jansson",
    "dlfcn.h": "libdl",
}
FOREIGN_SYMBOLS = {
    "rd_kafka_": "rdkafka",
    "PQ": "libpq",
    "sqlite3_": "sqlite3",
    "redis": "hiredis",
    "SSL_": "openssl",
    "sd_": "libsystemd",
    "MHD_": "libmicrohttpd",
    "curl_": "libcurl",
    "json_": "jansson",
    "dlopen": "libdl",
}


@dataclasses.dataclass(frozen=True)
class Layer:
    uses: tuple  # directories below daemon/ whose headers may be included, besides its own
    libraries: tuple = ()  # foreign libraries
    has_threads: bool = False
    is_pure: bool = False  # no I/O, no time of its own


LAYERS = {
    "daemon/base": Layer(()),
    "daemon/config": Layer(("base",)),
    "daemon/event": Layer(("base",), ("jansson",)),
    "daemon/core": Layer(("base",), is_pure=True),
    "daemon/kafka": Layer(("base", "config", "core"), ("rdkafka",), has_threads=True),
    "daemon/store": Layer(("base", "config", "core"), (), has_threads=True),
    "daemon/os": Layer(("base", "config", "core"), ("libsystemd",)),
    "daemon/worker": Layer(("base", "config", "event", "core", "os", "onced"), has_threads=True),
    "daemon/supervisor": Layer(("base", "config", "core", "os"), ("libmicrohttpd", "jansson")),
    # An embedded broker and a look at the tables: behind the doors of kafka and store.
    "daemon/demo": Layer(("base", "core", "kafka", "store", "os"), ("jansson",)),
    # `exec` has a thread that keeps its children.
    "handlers": Layer(("onced",), has_threads=True),
    "ctl": Layer(("base", "config", "event", "kafka", "store", "core"), ("libcurl", "jansson")),
    # The only place that wires adapters to ports.
    "daemon": Layer(("base", "config", "event", "core", "kafka", "store", "os", "worker", "supervisor", "demo", "onced", "handlers"),
                    has_threads=True),
}

# A door narrower than a directory: files of that name pattern may use the library.
DOORS = {
    # The one place where foreign code comes in.
    "daemon/os/library.c": ("libdl",),
    "daemon/store/postgres*": ("libpq",),
    "daemon/store/pg*": ("libpq",),
    "daemon/store/sqlite*": ("sqlite3",),
    "daemon/store/redis*": ("hiredis", "openssl"),
    "handlers/exec*": ("jansson",),
    # Headers of a written event.
    "daemon/event_file.c": ("jansson",),
    "handlers/http*": ("libcurl",),
    # What --version names.
    "daemon/role_info.c": ("jansson", "rdkafka", "libpq", "sqlite3", "libsystemd", "libmicrohttpd"),
}

# Ports that carry configuration by pointer; config/config.h is plain structs without a library.
INCLUDE_EXCEPTIONS = {
    ("daemon/core/sink.h", "config"),
    ("daemon/core/source.h", "config"),
}

# What a pure directory does not call: the world, its clock, its dice, its threads.
IMPURE_SYMBOLS = {
    "open", "openat", "creat", "read", "write", "pread", "pwrite", "close", "fopen", "fopen64", "fclose", "fwrite",
    "fread", "socket", "connect", "bind", "accept", "send", "recv", "sendmsg", "recvmsg", "poll", "epoll_wait",
    "select", "printf", "puts", "fprintf", "vfprintf", "__printf_chk", "__fprintf_chk", "__vfprintf_chk", "time",
    "gettimeofday", "clock_gettime", "clock_nanosleep", "nanosleep", "usleep", "sleep", "rand", "random", "getrandom",
    "getenv", "secure_getenv", "fork", "execve", "kill", "pthread_create", "pthread_mutex_lock",
    "pthread_cond_wait", "thrd_create", "mtx_lock",
}
THREAD_SYMBOLS = {"pthread_create", "thrd_create"}
