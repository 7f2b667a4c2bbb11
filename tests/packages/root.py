"""
root - bare Debian root file systems: made once by mmdebstrap, kept with the other downloads, unpacked where wanted
"""

import contextlib
import fcntl
import hashlib
import subprocess

from support.cache import cache_dir

SUITES = {"12": "bookworm", "13": "trixie"}


def base_tar(version, packages=("ca-certificates",)):
    """A minimal Debian as a tar file."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    made = cache_dir() / f"debian-{version}-{digest}.tar"
    made.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cache_dir() / "debian.lock"):
        if not made.exists():
            unfinished = made.with_name("unfinished-" + made.name)
            subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}",
                            SUITES[version], str(unfinished)], check=True, stdin=subprocess.DEVNULL)
            unfinished.rename(made)
    return made


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# $1 the root, $2 a directory that keeps its name inside and is writable; the rest is run there as user 10001, as PID 1
# of its own, without a right to anything and without a shell to be found.
ENTER = """set -e
root=$1 directory=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
for shell in dash bash; do
    mount --bind /dev/null "$root/usr/bin/$shell"
done
mount -o remount,ro,bind "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=1m,uid=10001,mode=0755 tmpfs "$root/run"
mount -t tmpfs -o size=1m tmpfs "$root/tmp"
mkdir -p "$root$directory"
mount --bind "$directory" "$root$directory"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
    chroot --userspec=10001:10001 --groups= "$root" "$@"
"""


def contained(root, directory):
    """The beginning of a command line that runs the rest as a container would."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", str(root), str(directory)]
