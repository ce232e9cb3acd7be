#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# debug-kernel.sh kasan|kcsan|gcov: builds a kernel that looks for faults, or counts lines, of
# Debian's linux-source-6.12 with the configuration in debug.config, and prints a directory with
# vmlinuz, modules/, and linux-headers-RELEASE/, which is what modules are built
# against (KDIR). It is kept in the user's cache under a hash of source, configuration
# and compiler, and made again (about ten minutes on two idle processors) when it is not there.

set -euo pipefail

SOURCE=linux-source-6.12
LAYOUT=2	# of what is kept; another number when keep() changes

die()
{
	echo "debug-kernel: $*" >&2
	exit 1
}

top=$(cd "$(dirname "$0")/.." && pwd)
here=$top/qemu-test
case ${1:-} in
kasan) fragments=("$here/debug.config") ;;
kcsan | gcov) fragments=("$here/debug.config" "$here/debug-$1.config") ;;
*) die "usage: debug-kernel.sh kasan|kcsan|gcov" ;;
esac
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/erot
package=$(apt-cache policy "$SOURCE" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
[[ ${package:-(none)} != "(none)" ]] || die "no package $SOURCE; try: apt-get update"
key=$({ echo "$LAYOUT $package" && gcc -v 2>&1 && cat "${fragments[@]}"; } | sha256sum | cut -c 1-16)
done=$cache/debug-$1-$key

# what no option of ours can reach takes half of the time and of the space
unpack()
{
	local d skip=()

	(cd "$work" && apt-get download "$SOURCE=$package" </dev/null) ||
		die "cannot download $SOURCE=$package"
	dpkg-deb -x "$work/$SOURCE"_*.deb "$work/package"
	for d in sound drivers/{gpu,media,infiniband,staging,scsi,usb} \
		drivers/net/{ethernet,wireless} 'arch/[a-wyz]*'; do
		skip+=(--exclude="$SOURCE/$d/*.[chS]" --exclude="$SOURCE/$d/*.dts*")
	done
	mkdir "$work/source"
	LC_ALL=C tar -C "$work/source" --strip-components=1 "${skip[@]}" \
		-xf "$work/package/usr/src/$SOURCE.tar.xz"
	rm -rf "$work/package" "$work/$SOURCE"_*.deb
}

# wanted: each option as the last fragment that names it has it
wanted()
{
	awk '/^CONFIG_/ { name = $0; sub(/=.*/, "", name); want[name] = $0 }
	     /^# CONFIG_.* is not set$/ { want[$2] = $0 }
	     END { for (name in want) print want[name] }' "${fragments[@]}" | sort
}

# merge_config.sh drops what has unmet dependencies, and only says so
configure()
{
	local line name dropped=0

	make -s -C "$work/source" O="$work/build" tinyconfig
	(cd "$work/build" &&
		../source/scripts/kconfig/merge_config.sh -O . -m .config "${fragments[@]}" >/dev/null)
	make -s -C "$work/source" O="$work/build" olddefconfig
	while read -r line; do
		name=${line#\# } name=${name%%[= ]*}
		case $line in
		\#*) ! grep "^$name=" "$work/build/.config" || dropped=1 ;;
		*) grep -qxF -- "$line" "$work/build/.config" || { echo "$line" && dropped=1; } ;;
		esac
	done < <(wanted) >"$work/dropped"
	[ $dropped -eq 0 ] || die "options that were asked for are not so: $(xargs <"$work/dropped")"
}

build()
{
	make -s -C "$work/source" O="$work/build" -j"$(nproc)" bzImage modules
}

# vmlinuz, modules/ as a package has them, of the tree what modules need, and in ynl/ what makes
# the files of a netlink family of its specification (tools/check.sh)
keep()
{
	local o=(make -s -C "$work/source" "O=$work/build") release

	release=$("${o[@]}" kernelrelease)
	"${o[@]}" INSTALL_MOD_PATH="$work/root" modules_install
	mkdir "$work/kept"
	cp "$work/build/arch/x86/boot/bzImage" "$work/kept/vmlinuz"
	mv "$work/root/lib/modules/$release" "$work/kept/modules"
	rm -f "$work/kept/modules/build"
	"${o[@]}" run-command KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build \
$work/kept/linux-headers-$release"
	cp "$work/build/.config" "$work/kept/linux-headers-$release/"
	mkdir -p "$work/kept/ynl"/{tools/net,Documentation/netlink}
	cp -r "$work/source/tools/net/ynl" "$work/kept/ynl/tools/net/"
	cp "$work/source/Documentation/netlink"/*.yaml "$work/kept/ynl/Documentation/netlink/"
}

# errexit does not reach into what is called in a condition
do_step()
{
	local status

	set +e
	(set -e && "$1") >"$work/log" 2>&1 {lock}>&-
	status=$?
	set -e
	[ $status -eq 0 ] || {
		tail -n 20 "$work/log" >&2
		die "$1 failed"
	}
}

# it is moved there whole; one that is built, of the other kind say, is not waited for
if [ -e "$done/vmlinuz" ]; then
	touch "$done"
	echo "$done"
	exit 0
fi
mkdir -p "$cache"
exec {lock}>"$cache/debug.lock"
flock "$lock"
if [ ! -e "$done/vmlinuz" ]; then
	work=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"		# apt downloads as another user
	echo "debug-kernel: building a kernel ($1, $package), which takes minutes" >&2
	for step in unpack configure build keep; do
		do_step "$step"
	done
	mv -T "$work/kept" "$done" || die "cannot write $done"
	rm -rf "$work"
	trap - EXIT
fi
touch "$done"
echo "$done"
