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
        """No room but for what comes in between the look and the deed; less than is there is refused."""
        for spare in (0, 16, 64, 256, 1024):
            used = os.statvfs(self.directory)
            pages = used.f_blocks - used.f_bfree + spare
            if self._resize(f"{max(1, pages) * used.f_frsize}", check=spare == 1024):
                return

    def empty(self):
        self._resize("4g")

    def _resize(self, size, check=True):
        """Whether it could be."""
        resized = subprocess.run(["mount", "-o", f"remount,size={size}", str(self.directory)],
                                 check=check, capture_output=not check)
        return resized.returncode == 0

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
