"""
elf - what a program's file says of how it was hardened, as readelf reads it

A fault is one sentence with its remedy. What only the compiler knows whether it can (control-flow protection) is
compared with the smallest program that it makes of the same options.
"""

import os
import pathlib
import re
import subprocess

CONTROL_FLOW = re.compile(r"\b(IBT|SHSTK|BTI|PAC)\b")


def read(option, *paths):
    return subprocess.run(["readelf", "-W", *option.split(), *map(str, paths)], check=True, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def find(directory):
    """Programs and libraries below it."""
    return sorted(path for path in pathlib.Path(directory).rglob("*")
                  if path.is_file() and not path.is_symlink() and is_elf(path))


def control_flow(*paths):
    """For each file, the protections of jumps and returns that its note promises."""
    said = read("-n", *paths)
    parts = re.split(r"^File: (.*)$", said, flags=re.MULTILINE) if len(paths) > 1 else ["", str(paths[0]), said]
    return {name: set(CONTROL_FLOW.findall(text)) for name, text in zip(parts[1::2], parts[2::2])}


def _segments(headers, kind):
    """The flags of each segment of a kind, such as "RE"."""
    lines = [line.split() for line in headers.splitlines() if line.startswith(f"  {kind} ")]
    return ["".join(words[6:-1]) for words in lines]


def faults(path, is_program=True, is_fortified=True):
    """Sentences; none where everything is there."""
    headers, dynamic, symbols = read("-h -l", path), read("-d", path), read("--dyn-syms", path)
    stack = _segments(headers, "GNU_STACK")
    checks = [
        (not re.search(r"Type:\s+DYN", headers) or is_program and not re.search(r"FLAGS_1.*\bPIE\b", dynamic),
         "is at a fixed address: b_pie, -fPIE -pie"),
        (not _segments(headers, "GNU_RELRO"), "has relocations that stay writable: -Wl,-z,relro"),
        (not re.search(r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b|\(BIND_NOW\)", dynamic),
         "binds late, so that its table of functions stays writable: -Wl,-z,now"),
        (not stack or any("E" in flags for flags in stack), "has an executable stack: -Wl,-z,noexecstack"),
        (any("W" in flags and "E" in flags for flags in _segments(headers, "LOAD")),
         "has memory that is writable and executable"),
        ("(TEXTREL)" in dynamic, "has relocations in its code: -fPIC"),
        (re.search(r"\((RPATH|RUNPATH)\)", dynamic), "looks for libraries in a place of its own: no RPATH, no RUNPATH"),
        (is_program and "__stack_chk_fail" not in symbols, "has no stack protector: -fstack-protector-strong"),
        (is_program and is_fortified and not re.search(r"__\w+_chk@", symbols),
         "calls no checked function of libc: -D_FORTIFY_SOURCE=2 and optimisation"),
    ]
    return [f"{path}: {sentence}" for is_wrong, sentence in checks if is_wrong]
