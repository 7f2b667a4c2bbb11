"""
test_install - what `meson install` installs, and the lists of the packages, name the same files

And the lists of libraries that a build needs, wherever one is written down, are one list.
"""

import json
import pathlib
import re
import subprocess

import pytest
from lint import tree
from scenario.harness import BUILD, ROOT

DEBIAN = ROOT / "debian"
LIBRARIES = "lib/any-multiarch"
LIBRARY_PACKAGE = re.compile(r"\blib[a-z0-9+.-]+-dev\b")
# Of the compiler, and of the tests.
NO_LIBRARIES = {"libc6-dev", "libcmocka-dev"}


def lines(name):
    return [line for line in (DEBIAN / name).read_text().splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Paths as the package build installs them, from meson's own list and from debian/rules."""
    directory = tmp_path_factory.mktemp("build")
    subprocess.run(["meson", "setup", str(directory), str(ROOT), "--prefix=/usr", "--sysconfdir=/etc", f"--libdir={LIBRARIES}",
                    "-Dtests=disabled", "-Dman=enabled"], check=True, capture_output=True)
    paths = json.loads(subprocess.run(["meson", "introspect", "--installed", str(directory)], check=True,
                                      capture_output=True, text=True).stdout).values()
    by_rules = re.findall(r"debian/tmp/(\S+)", (DEBIAN / "rules").read_text())
    return {path.lstrip("/") for path in paths} | set(by_rules)


def names(entry, path):
    """As dh_install reads it: a pattern of files or directories, component by component."""
    pattern = re.escape(entry).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.fullmatch(f"{pattern}(/.*)?", path) is not None


def test_each_installed_file_is_in_one_package(installed):
    packages = {name.stem: lines(name.name) for name in DEBIAN.glob("*.install")}
    assert len(installed) > 15 and set(packages) == {"onced", "onced-dev"}
    homes = {path: [package for package, entries in packages.items() if any(names(entry, path) for entry in entries)]
             for path in installed}
    assert not {path: found for path, found in homes.items() if len(found) != 1}, "of no package, or of both"


def test_each_entry_of_a_package_names_something_installed(installed):
    for listed in DEBIAN.glob("*.install"):
        for entry in lines(listed.name):
            assert any(names(entry, path) for path in installed), f"{listed.name}: {entry}"


def test_nothing_is_installed_behind_the_list():
    """meson's list has no files that a script of its own installs."""
    built = [path for path in tree.files(".build") if path.name == "meson.build"]
    assert len(built) > 15
    assert not [path for path in built if "add_install_script" in tree.text(path)]


@pytest.mark.parametrize("suffix", ["docs", "examples"])
def test_documents_and_examples_of_the_packages_exist(suffix):
    for listed in DEBIAN.glob(f"*.{suffix}"):
        for entry in lines(listed.name):
            assert list(ROOT.glob(entry)), f"{listed.name}: {entry}"


def test_every_list_of_libraries_is_the_same():
    control = (DEBIAN / "control").read_text().split("\nPackage:")[0]
    readme = re.search(r"^apt install gcc(.*\\\n)*.*$", (ROOT / "README.md").read_text(), re.MULTILINE).group()
    wants = re.search(r"^build_wants=\((.*?)^\)", (ROOT / "scripts/lib.sh").read_text(), re.MULTILINE | re.DOTALL).group(1)
    image = (ROOT / "Dockerfile").read_text().split("WORKDIR")[0]
    lists = {name: set(LIBRARY_PACKAGE.findall(text)) - NO_LIBRARIES for name, text in
             {"debian/control": control, "README.md": readme, "scripts/lib.sh": wants, "Dockerfile": image}.items()}
    assert len(lists["debian/control"]) > 7
    for name, found in lists.items():
        assert found == lists["debian/control"], name


def test_every_version_is_the_same():
    project = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    assert re.match(r"onced \(([^)]+)\)", (DEBIAN / "changelog").read_text()).group(1) == project
    assert re.search(r"^ARG VERSION=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE).group(1) == project


def test_meson_installs_below_destdir_alone(tmp_path):
    """Everything below the prefix, nothing beside it, and it runs."""
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(tmp_path)], check=True,
                   capture_output=True)
    installed = {str(path.relative_to(tmp_path / "usr/local")) for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("sbin/onced", "bin/oncectl", "include/onced/handler.h", "share/onced/exec/onced.py",
                 "lib/systemd/system/onced.service", "lib/sysusers.d/onced.conf",
                 "share/bash-completion/completions/oncectl"):
        assert name in installed, name
    done = subprocess.run([str(tmp_path / "usr/local/sbin/onced"), "--version"], capture_output=True)
    assert done.returncode == 0
    assert not [path for path in pathlib.Path(tmp_path).iterdir() if path.name != "usr"]
