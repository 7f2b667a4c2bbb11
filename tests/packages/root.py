"""
root - bare Debian root file systems, as scripts/lib.sh makes and keeps them, and a way to be in one as in a container
"""

import subprocess

from scenario.harness import ROOT


def base_tar(version, *packages):
    """A minimal Debian as a tar file."""
    done = subprocess.run(["bash", "-euc", '. scripts/lib.sh; debian_root "$@"', "test", version, *packages], cwd=ROOT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# $1 the root; $2 a directory that keeps its name inside, where it can be read, and whose run/ and lib/ are the places
# that the image wants writable; the rest is run there as user 10001, as PID 1 of its own, without a right to anything
# and without a shell to be found.
ENTER = """set -e
root=$1 directory=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
for shell in dash bash; do
    mount --bind /dev/null "$root/usr/bin/$shell"
done
mkdir -p "$root$directory"
mount -o remount,ro,bind "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$directory" "$root$directory"
mount -o remount,ro,bind "$root$directory"
mount --bind "$directory/run" "$root/run/onced"
mount --bind "$directory/lib" "$root/var/lib/onced"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
    chroot --userspec=10001:10001 --groups= "$root" "$@"
"""


def contained(root, directory):
    """The beginning of a command line that runs the rest as a container would."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", str(root), str(directory)]
