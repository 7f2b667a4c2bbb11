"""
test_units - the installed files: what systemd itself thinks of them
"""

import pathlib

import pytest

UNITS = "/usr/local/lib/systemd/system"
DROP_INS = "/usr/local/share/doc/onced/systemd"
# systemd's own measure times ten; see `systemd-analyze security`.
EXPOSURE = 15


@pytest.mark.parametrize("unit", ["onced.service", "onced@.service"])
def test_unit_has_no_mistake_and_little_exposure(machine, unit):
    checked = machine.run("systemd-analyze", "verify", "--man=no", unit.replace("@.", "@orders."))
    assert not checked.stdout + checked.stderr
    machine.run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", f"{UNITS}/{unit}")


@pytest.mark.parametrize("name", ["credentials", "network", "plugins"])
def test_drop_in_has_no_mistake(machine, name):
    text = machine.path(f"{DROP_INS}/{name}.conf").read_text()
    place = f"/etc/systemd/system/onced.service.d/{name}.conf"
    machine.write(place, text)
    try:
        checked = machine.run("systemd-analyze", "verify", "--man=no", "onced.service")
        assert not checked.stdout + checked.stderr
    finally:
        machine.remove(place)


def test_reload_by_signal_has_no_mistake_where_systemd_knows_it(machine):
    """Before 253 its two lines are no more than warnings."""
    version = int(machine.run("systemctl", "--version").stdout.split()[1])
    place = "/etc/systemd/system/onced.service.d/notify-reload.conf"
    machine.write(place, machine.path(f"{DROP_INS}/notify-reload.conf").read_text())
    try:
        checked = machine.run("systemd-analyze", "verify", "--man=no", "onced.service", check=False)
    finally:
        machine.remove(place)
    said = checked.stdout + checked.stderr
    assert (said == "") == (version >= 253), said


def test_files_of_the_package_make_user_and_directories(machine):
    assert machine.run("id", "-un", "onced").stdout.strip() == "onced"
    assert machine.run("stat", "-c", "%a %U %G", "/etc/onced").stdout.strip() == "750 root onced"
    assert machine.run("stat", "-c", "%a %U", "/etc/onced/secrets").stdout.strip() == "700 root"


def test_units_name_what_is_installed(machine):
    for unit in pathlib.Path(machine.path(UNITS)).iterdir():
        for line in unit.read_text().splitlines():
            if line.startswith("Exec"):
                program = line.split("=", 1)[1].split()[0]
                assert machine.path(program).exists(), f"{unit.name}: {program}"
