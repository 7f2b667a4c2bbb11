"""
newest_rdkafka - a librdkafka newer than any Debian's, for programs that were built with an older one

A wheel of PyPI holds a library that stands alone. Its directory before the system's is all it takes:

    LD_LIBRARY_PATH=$(python tests/support/newest_rdkafka.py) COMMAND

It serves what the program asks for at run time; there are no headers in it.
"""

import ctypes
import os
import pathlib
import sys
import zipfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.cache import download, made_once

WHEEL = "2.16.1"


def library_dir():
    """Downloaded once. RuntimeError: it cannot be had here."""
    def make(work):
        download([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                  "--only-binary=:all:", "-d", str(work), f"confluent-kafka=={WHEEL}"], "the wheel with librdkafka")
        [wheel] = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            [member] = [name for name in archive.namelist() if ".libs/librdkafka" in name]
            (work / "lib").mkdir()
            (work / "lib" / "librdkafka.so.1").write_bytes(archive.read(member))
        return work / "lib"

    return made_once(f"rdkafka-{WHEEL}", make)


def environment():
    """What a program is given to run with it."""
    others = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": os.pathsep.join([str(library_dir()), *([others] if others else [])])}


def version():
    library = ctypes.CDLL(str(library_dir() / "librdkafka.so.1"))
    library.rd_kafka_version_str.restype = ctypes.c_char_p
    return library.rd_kafka_version_str().decode()


if __name__ == "__main__":
    print(library_dir())
