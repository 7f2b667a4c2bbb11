"""
disk - a small file system for a tablespace, that can be full

A tmpfs; its size is what changes, so that nothing has to be written to fill it. Needs the right to mount,
which a container often lacks: then there is none, and the fault that wants one is left out by name.
"""

import os
import pwd
import subprocess

NAME = "torture"


class Disk:
    def __init__(self, directory):
        self.directory = directory

    def fill(self):
        used = os.statvfs(self.directory)
        pages = used.f_blocks - used.f_bfree
        self._resize(f"{max(1, pages) * used.f_frsize}")

    def empty(self):
        self._resize("4g")

    def _resize(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.directory)], check=True)

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.directory)], check=False)


def mount(postgres):
    """A Disk with the tablespace NAME on it, or None where mounting is not allowed."""
    directory = postgres.directory / "disk"
    directory.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(directory)],
                          capture_output=True)
    if made.returncode != 0:
        return None
    user = pwd.getpwnam("postgres")
    os.chown(directory, user.pw_uid, user.pw_gid)
    postgres.execute(f"CREATE TABLESPACE {NAME} LOCATION '{directory}'")
    return Disk(directory)
