"""
test_hardening - programs and plugins of the build, as they are installed, against what makes a fault in them harder to use

What the packages and the image have is looked at with them.
"""

import json
import platform
import shlex
import shutil
import subprocess

import pytest
from scenario.harness import BUILD, ROOT, build_option, is_sanitized
from support import elf

PLUGINS = [path.stem for path in sorted((ROOT / "handlers" / "examples").glob("*.c"))]
SOURCE = r"""
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char text[40];
	strcpy(text, argv[argc - 1]);
	return printf("%s\n", text) < 0;
}
"""
STRONG = ["-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
WEAK = {
    "fixed address": ["-fno-PIE", "-no-pie"],
    "stay writable: -Wl,-z,relro": ["-Wl,-z,norelro"],
    "binds late": ["-Wl,-z,lazy"],
    "executable stack": ["-Wl,-z,execstack"],
    "writable and executable": ["-Wl,-N", "-no-pie", "-static", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all"],
    "a place of its own": ["-Wl,-rpath,/opt/lib"],
    "no stack protector": ["-fno-stack-protector"],
    "no checked function": ["-U_FORTIFY_SOURCE"],
}


@pytest.fixture(scope="module", autouse=True)
def release():
    if is_sanitized():
        pytest.skip("a sanitizer's build is for no one to run")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", str(directory)], check=True,
                   capture_output=True)
    return directory


def compiled(directory, *options):
    source = directory / "small.c"
    source.write_text(SOURCE)
    subprocess.run(["gcc", *options, "-o", str(directory / "small"), str(source)], check=True, capture_output=True)
    return directory / "small"


def test_programs_are_hardened(installed):
    programs = elf.find(installed)
    assert {path.name for path in programs} == {"onced", "oncectl"}
    optimised = build_option("optimization") not in ("0", "g", "plain")
    assert not [fault for path in programs for fault in elf.faults(path, is_fortified=optimised)]


@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_are_hardened(name):
    [plugin] = BUILD.rglob(f"{name}.so")
    assert not elf.faults(plugin, is_program=False)


def test_jumps_and_returns_are_protected_where_the_compiler_can(installed, tmp_path):
    """Each of our objects says so; a program as far as what the compiler itself links into one does."""
    protection = "-fcf-protection" if platform.machine() == "x86_64" else "-mbranch-protection=none"
    [small] = elf.control_flow(compiled(tmp_path, *STRONG, protection)).values()
    for path in elf.find(installed):
        assert elf.control_flow(path)[str(path)] >= small, path
    [of_object] = elf.control_flow(compiled(tmp_path, *STRONG, protection, "-c")).values()
    objects = [BUILD / entry["output"] for entry in json.loads((BUILD / "compile_commands.json").read_text())
               if not entry["output"].startswith(("tests/", "bench/"))]
    assert len(objects) > 200
    bare = [name for name, found in elf.control_flow(*objects).items() if not found >= of_object]
    assert not bare, f"compiled without {shlex.join([protection])}: {bare[:5]}"


@pytest.mark.parametrize("sentence", WEAK)
def test_a_weakness_is_found(sentence, tmp_path):
    weak = compiled(tmp_path, *STRONG, *WEAK[sentence])
    assert any(sentence in fault for fault in elf.faults(weak))
    assert not elf.faults(compiled(tmp_path, *STRONG))


def test_a_library_that_stays_writable_is_found(tmp_path):
    weak = compiled(tmp_path, "-O2", "-fPIC", "-shared", "-Wl,-z,lazy")
    shutil.copy(weak, tmp_path / "small.so")
    assert any("binds late" in fault for fault in elf.faults(tmp_path / "small.so", is_program=False))
