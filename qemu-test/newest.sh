#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# newest.sh FILE: Debian's newest kernel, that of sid. Its headers and modules, and the compiler
# that they want, go into a root directory of their own, kept in the cache by version; there the
# module is built, for each flavour, into build/module-KVER/. FILE gets KVER of the cloud flavour
# and a directory as kernel.sh prints it. Prints TAP and writes counts as guest-tests.sh does.

set -euo pipefail

out=${1:?usage: newest.sh FILE}
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/erot
suite=sid
ran=0 failed=0 skipped=0
reason=''
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

# result ok|'not ok' NAME [LINE...]
result()
{
	ran=$((ran + 1))
	echo "$1 $ran - $2"
	[ "$1" = ok ] || failed=$((failed + 1))
	shift 2
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

finish()
{
	echo "1..$ran"
	if [ -n "${EROT_RESULT:-}" ]; then
		echo "counts $((ran - failed - skipped)) $failed $skipped" >"$EROT_RESULT"
	fi
	[ "$failed" -eq 0 ]
	exit
}

# where this machine has its own release from, there sid is as well
mirrors()
{
	local release

	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt expands them
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
		awk -v release="$release" '$1 == release && $2 == "main" && !seen[$3]++ { print $3 }'
}

# apt, for which there is nothing but sid: not what is installed here, nor its pins
apt_of_sid()
{
	local command=$1

	shift
	"$command" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$work/apt/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$work/apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false -o Acquire::http::Timeout=30 "$@" </dev/null
}

# A mirror that lags is past the date in its release file; the signature is checked all the same.
update()
{
	local uri keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	mkdir -p "$work"/apt/{lists,cache/archives}/partial
	reason="apt's configuration names no mirror of this release"
	while read -r uri; do
		echo "deb [signed-by=$keyring] $uri $suite main" >"$work/sources.list"
		apt_of_sid apt-get update --error-on=any >"$work/update.log" 2>&1 && return
		reason=$(grep -m 1 '^[EW]:' "$work/update.log" || tail -n 1 "$work/update.log")
	done < <(mirrors)
	return 1
}

# field NAME PACKAGE: of the newest version
field()
{
	apt_of_sid apt-cache --no-all-versions show "$2" | sed -n "s/^$1: //p" | head -n 1
}

# kver_of FLAVOUR: name of the kernel that its metapackage depends on now
kver_of()
{
	field Depends "linux-headers-$1" | grep -o "linux-headers-[0-9][^ ]*-$1\b" | head -n 1 |
		sed 's/^linux-headers-//'
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		unshare --user --map-root-user "$@"
	fi
}

# make_root DIR KVER-OF-CLOUD KVER: through a pipe, so that the files are ours whoever we are
make_root()
{
	mkdir -p "$1/root"
	mmdebstrap --variant=apt --mode=auto --format=tar \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--include="make,linux-headers-$2,linux-headers-$3,linux-binary-$2,linux-modules-$2" \
		"$suite" - "$work/sources.list" 2>"$work/mmdebstrap.log" </dev/null |
		as_root tar -x --no-same-owner --exclude='./dev/*' -C "$1/root" || {
		reason=$(grep '^E:' "$work/mmdebstrap.log" | head -n 3)
		return 1
	}
	depmod -b "$1/root" "$2"
	ln -s "root/usr/lib/modules/$2" "$1/modules"
	ln -s modules/vmlinuz "$1/vmlinuz"
	echo "$2 $3" >"$1/kernels"
	: >"$1/lock"
}

# Sets $dir to what is in the cache for $version, made when it is not there.
get_root()
{
	local new

	dir=$cache/newest-$version
	[ ! -e "$dir/kernels" ] || return 0
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	chmod 755 "$new"
	if ! make_root "$new" "$(kver_of cloud-amd64)" "$(kver_of amd64)"; then
		rm -rf "$new"
		return 1
	fi
	rm -rf "$dir"		# what a removal that was cut short has left
	mv -T "$new" "$dir" 2>/dev/null || rm -rf "$new"	# another run was first
	[ -e "$dir/kernels" ]
}

# Others than $dir, unless somebody is at work there.
prune()
{
	local old fd

	for old in "$cache"/newest-*; do
		if [ "$old" = "$dir" ] || [ ! -e "$old/lock" ]; then
			continue
		fi
		exec {fd}<"$old/lock"
		if flock -n -x "$fd"; then
			rm -rf "$old/kernels" "$old"
		fi
		exec {fd}<&-
	done
}

# In a mount namespace, so that no mount can be left, whatever ends this. objtool wants /proc.
# shellcheck disable=SC2016 # the shell inside expands them
enter='mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/mnt" &&
	exec chroot "$1" /usr/bin/env -i PATH=/usr/bin:/usr/sbin LC_ALL=C \
		make -C "/usr/src/linux-headers-$3" M=/mnt W=1 "-j$4" modules'

# build KVER: from nothing
build()
{
	local to=$top/build/module-$1 log=$top/build/newest-$1.log status=0

	rm -rf "$to"
	mkdir -p "$to"
	(cd "$top" && cp -p --parents Kbuild kernel/*.[ch] uapi/linux/*.h "$to")
	scratch_run as_root unshare --mount --pid --fork --kill-child \
		sh -c "$enter" sh "$dir/root" "$to" "$1" "$(nproc)" >"$log" 2>&1 </dev/null || status=$?
	# every other line is a warning, or an error
	grep -vE '^  [A-Z]+ |^make' "$log" >"$work/said" || :
	[ "$status" -ne 0 ] || [ -e "$to/erot.ko" ] || status=1
	[ "$status" -eq 0 ] && [ ! -s "$work/said" ]
}

if update; then
	version=$(field Version linux-headers-cloud-amd64)
	result ok "newest kernel of Debian: $version"
else
	mkdir -p "$cache"
	version=$(find "$cache" -maxdepth 1 -name 'newest-*' | sort -V | tail -n 1)
	version=${version##*/newest-}
	if [ -z "$version" ]; then
		result 'not ok' "newest kernel of Debian: no network, and nothing in the cache" "$reason"
		finish
	fi
	result ok "newest kernel of Debian # SKIP no network, $version from the cache: $reason"
	skipped=1
fi

if ! get_root; then
	result 'not ok' "headers, compiler and kernel $version" "$reason"
	finish
fi
exec {in_use}<"$dir/lock"
flock -s "$in_use"
prune
read -r -a kernels <"$dir/kernels"
for kver in "${kernels[@]}"; do
	name="the module builds for $kver ($version), W=1, no warning"
	if build "$kver"; then
		result ok "$name"
	else
		mapfile -t -n 20 said <"$work/said"
		result 'not ok' "$name" "${said[@]}"
	fi
done
echo "${kernels[0]} $dir" >"$out"
finish
