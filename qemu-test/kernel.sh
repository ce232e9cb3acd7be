#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh KVER: prints a directory with vmlinuz and modules/ of that kernel.
# EROT_KERNEL is that directory, when the caller made one. An installed kernel
# package is used as it is; otherwise Debian's package is downloaded once and
# unpacked in the cache, without being installed.

set -euo pipefail

die()
{
	echo "kernel: $*" >&2
	exit 1
}

kver=${1:?usage: kernel.sh KVER}
package=linux-image-$kver
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/erot

if [ -n "${EROT_KERNEL:-}" ]; then
	if [ ! -r "$EROT_KERNEL/vmlinuz" ] || [ ! -d "$EROT_KERNEL/modules" ]; then
		die "EROT_KERNEL=$EROT_KERNEL holds no vmlinuz and modules/"
	fi
	echo "$EROT_KERNEL"
	exit 0
fi

# both halves of one package, or none: /boot and /lib/modules may be of two versions
installed()
{
	[ -r "/boot/vmlinuz-$kver" ] && [ -e "/lib/modules/$kver/modules.order" ]
}

links()
{
	mkdir -p "$cache"
	dir=$(mktemp -d "$cache/new.XXXXXX")
	ln -s "$1" "$dir/vmlinuz"
	ln -s "$2" "$dir/modules"
	rm -rf "${cache:?}/$3"
	mv -T "$dir" "$cache/$3" 2>/dev/null || rm -rf "$dir"	# another run was first
	echo "$cache/$3"
}

if installed; then
	links "/boot/vmlinuz-$kver" "/lib/modules/$kver" "installed-$kver"
	exit 0
fi

version=$(dpkg-query -W -f '${Version}' "linux-headers-$kver" 2>/dev/null) ||
	die "linux-headers-$kver is not installed: its version names the kernel package"
done=$cache/$package-$version
if [ ! -e "$done/vmlinuz" ]; then
	mkdir -p "$cache"
	dir=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	chmod 755 "$dir"
	(cd "$dir" && apt-get download "$package=$version" >apt.log 2>&1 </dev/null) ||
		die "cannot download $package=$version: $(grep -m 1 '^E:' "$dir/apt.log" || tail -n 1 "$dir/apt.log")"
	dpkg-deb -x "$dir"/*.deb "$dir/root"
	mv "$dir/root/boot/vmlinuz-$kver" "$dir/vmlinuz"
	if [ -d "$dir/root/usr/lib/modules/$kver" ]; then
		mv "$dir/root/usr/lib/modules/$kver" "$dir/modules"
	else
		mv "$dir/root/lib/modules/$kver" "$dir/modules"
	fi
	rm -rf "$dir/root" "$dir"/*.deb "$dir/apt.log"
	mv -T "$dir" "$done" 2>/dev/null || [ -e "$done/vmlinuz" ] || die "cannot write $done"
fi
echo "$done"
