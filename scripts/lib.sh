# lib.sh - what scripts share: words to the user, packages, build directories
#
# Sourced, never run. Expects `set -euo pipefail` and the working directory at the root of the
# repository.

say() {
	printf '%s\n' "$*" >&2
}

fail() {
	say "$(basename "$0"): $*"
	exit 1
}

# A want is NAME=PACKAGE: NAME is a command, a /path (may be a pattern) or a pkg-config module "pc:NAME".
is_there() {
	case $1 in
	/*) compgen -G "$1" >/dev/null ;;
	pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "not root and no sudo; please run as root: $*"
	fi
}

# Install what is missing of the wants given, and say so first. A machine that has all is not touched.
install_missing() {
	local want packages=()
	for want in "$@"; do
		is_there "${want%%=*}" || packages+=("${want#*=}")
	done
	[ ${#packages[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || fail "no apt-get here; please install: ${packages[*]}"
	say "Installing with apt: ${packages[*]}"
	as_root apt-get -qq update >/dev/null
	# RUNLEVEL=1: packages that bring a service (postgresql) shall not start it.
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -qq install -y --no-install-recommends "${packages[@]}" </dev/null >/dev/null 2>"${apt_log:=$(mktemp)}" \
		|| { cat "$apt_log" >&2; rm -f "$apt_log"; fail "apt-get could not install ${packages[*]}"; }
	rm -f "$apt_log"
	for want in "$@"; do
		is_there "${want%%=*}" || fail "${want%%=*} is still missing after installing ${want#*=}"
	done
}

build_wants=(
	gcc=gcc
	/usr/include/string.h=libc6-dev
	meson=meson
	ninja=ninja-build
	pkg-config=pkg-config
	pc:rdkafka=librdkafka-dev
	pc:libpq=libpq-dev
	pc:sqlite3=libsqlite3-dev
	pc:hiredis=libhiredis-dev
	pc:openssl=libssl-dev
	pc:jansson=libjansson-dev
	pc:libsystemd=libsystemd-dev
	pc:libmicrohttpd=libmicrohttpd-dev
	pc:libcurl=libcurl4-openssl-dev
)

# What of a build is wanted; all of it where this is empty.
build_targets=()

# build_in DIRECTORY OPTION...: configure (also one that exists with other options) and compile.
build_in() {
	local directory=$1
	shift
	# An option newer than the directory is unknown there: then it is set up again.
	if [ ! -f "$directory/build.ninja" ] || ! meson configure "$directory" "$@" >/dev/null 2>&1; then
		rm -rf "$directory"
		meson setup "$directory" "$@" >"$directory.log" 2>&1 \
			|| { tail -n 15 "$directory.log" >&2; fail "cannot configure $directory"; }
		rm -f "$directory.log"
	fi
	ninja -C "$directory" --quiet "${build_targets[@]}" || fail "cannot build $directory"
}

# make_venv REQUIREMENTS...: a Python environment in $venv, named by what is in it (Debian's Python
# refuses packages of pip). Downloads live in $ONCED_CACHE, outside the repository, so that a clean
# clone does not fetch them again.
make_venv() {
	local digest file arguments=()
	export ONCED_CACHE=${ONCED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/onced}
	digest=$( (/usr/bin/python3 --version && cat "$@") | sha256sum | cut -c1-12)
	venv=$ONCED_CACHE/venv-$digest
	[ ! -x "$venv/complete" ] || return 0
	say "Making a Python environment in $venv"
	mkdir -p "$ONCED_CACHE"
	rm -rf "$venv"
	/usr/bin/python3 -m venv "$venv"
	for file in "$@"; do
		arguments+=(-r "$file")
	done
	"$venv/bin/pip" install --quiet --disable-pip-version-check "${arguments[@]}"
	ln -s bin/python "$venv/complete"
}

# become_root ARGUMENT...: this script again by sudo, where it is not root.
become_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || fail "not root and no sudo; please run as root"
	exec sudo --preserve-env=ONCED_CACHE "$0" "$@"
}

# debian_root VERSION PACKAGE...: the name of a tar file with a bare Debian and these packages. It is made when it is
# not there, by one at a time, and kept with the other downloads.
debian_root() {
	local version=$1 cache=${ONCED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/onced} wanted digest file log started=$SECONDS
	local -A suites=([12]=bookworm [13]=trixie)
	shift
	wanted=$(IFS=,; printf '%s' "$*")
	digest=$(printf '%s' "$wanted" | sha256sum | cut -c1-8)
	file=$cache/debian-$version-$digest.tar
	mkdir -p "$cache"
	(
		flock 9
		[ ! -f "$file" ] || exit 0
		log=$(mktemp)
		rm -f "$file.unfinished"
		mmdebstrap --format=tar --variant=minbase --aptopt='Acquire::Retries "3"' --include="$wanted" "${suites[$version]}" "$file.unfinished" \
			</dev/null >"$log" 2>&1 \
			|| { tail -n 20 "$log" >&2; rm -f "$log" "$file.unfinished"; fail "cannot fetch and unpack Debian $version ($wanted)"; }
		mv "$file.unfinished" "$file" || fail "cannot keep $file"
		rm -f "$log"
		say "Debian $version: a root made in $((SECONDS - started)) s: $file"
	) 9>"$cache/debian-$version.lock" || return 1
	echo "$file"
}
