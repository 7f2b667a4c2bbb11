"""
test_headers - every header compiles alone, so that a file's includes say what it needs
"""

import concurrent.futures
import os
import subprocess

from . import tree

MODULES = ["rdkafka", "libpq", "sqlite3", "jansson", "libsystemd", "libmicrohttpd", "libcurl"]


def compile_alone(path, flags):
    source = f'#include "{tree.ROOT / path}"\nextern int nothing;\n'
    result = subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
         "-Wno-missing-field-initializers", "-Wno-unused-function", "-DONCED_VERSION=\"0\"",
         f"-I{tree.ROOT}", f"-I{tree.ROOT / 'daemon'}", f"-I{tree.ROOT / 'handlers' / 'include'}", f"-I{tree.ROOT / 'tests'}",
         *flags, "-x", "c", "-"],
        input=source, capture_output=True, text=True)
    return f"{path}:\n{result.stderr}" if result.returncode else None


def test_every_header_compiles_alone():
    flags = subprocess.run(["pkg-config", "--cflags", *MODULES], check=True, capture_output=True, text=True).stdout.split()
    headers = tree.files(".h")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(lambda h: compile_alone(h, flags), headers) if p]
    tree.report(problems)
