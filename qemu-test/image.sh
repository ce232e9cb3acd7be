#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# image.sh KVER DIR [MORE]: makes the guest's DIR/initrd (busybox, erot.ko, the modules
# it needs and those of the disk) and its disk DIR/root.img, from the files that
# are needed and what they need: programs of the host with the libraries that ldd
# names, what is dlopened, kernel modules with their dependencies, and what
# build/ holds of this project. The disk is ext4, since a payload file must not
# lie on a stacked filesystem, and since copying it to a tmpfs would take 9 s
# under emulation.
#
# MORE is a script that is sourced: it adds to PROGRAMS and MODULES, and may define more(), which
# adds to $root itself.

set -euo pipefail

kver=${1:?usage: image.sh KVER DIR [MORE]}
out=${2:?usage: image.sh KVER DIR [MORE]}
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")

die()
{
	echo "image: $*" >&2
	exit 1
}

PROGRAMS=(
	bash kmod openssl keyctl fsverity mkfs.erofs fsck.erofs dump.erofs sqlite3 strace
	softhsm2-util p11tool tpm2 jq
	unshare nsenter setpriv prlimit lsns findmnt script losetup flock mount umount dmesg
	timeout env setsid cmp fusermount3 ip
)
OPTIONAL=" p11tool jq ip "	# no package of ours brings them: taken when there

# dlopened: ldd does not know of them
LIBRARIES=(
	softhsm/libsofthsm2.so
	x86_64-linux-gnu/libtss2-tcti-device.so.0
	x86_64-linux-gnu/libgcc_s.so.1
	x86_64-linux-gnu/libp11-kit.so.0
)

# asked for by the module by algorithm, so that its dependencies do not tell
CRYPTO=(
	libcurve25519 curve25519-x86_64 gcm ghash-generic ghash-clmulni-intel aesni-intel ctr
	sha256-ssse3 sha512-ssse3
)

# since 6.16 part of the libraries that the others depend on, and no modules any more
ABSORBED=" curve25519-x86_64 ghash-generic ghash-clmulni-intel sha256-ssse3 sha512-ssse3"
ABSORBED+=" crc32c-intel crc32c_generic "

# what the tests and the runner load, most of it on demand
MODULES=(
	"${CRYPTO[@]}" crc32c-intel crc32c_generic erofs overlay loop virtio_blk
	algif_aead algif_hash af_alg dummy veth binfmt_misc virtio_net nbd
	sctp bridge 8021q
)

erot=${EROT_MODULE:-$build/module-$kver/erot.ko}
[ -e "$erot" ] || erot=''		# a guest without it is a guest, too

more()
{
	:
}
if [ -n "${3:-}" ]; then
	# shellcheck source=/dev/null
	. "$3"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

skeleton()
{
	mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},etc,dev,proc,sys,run,tmp,root,var/{lib,run,tmp},mnt,selftests,demo}
	ln -s usr/bin "$root/bin"
	ln -s usr/sbin "$root/sbin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	chmod 755 "$root"
	chmod 1777 "$root/tmp" "$root/var/tmp"
	printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf 'root:1000000:1000000000\n' | tee "$root/etc/subuid" >"$root/etc/subgid"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	printf '/usr/lib/x86_64-linux-gnu\n' >"$root/etc/ld.so.conf"
}

# copies a file under its name with the links of the directories resolved
copy()
{
	local name

	name=$(realpath "$(dirname "$1")")/$(basename "$1")
	[ -e "$root$name" ] && return
	mkdir -p "$root$(dirname "$name")"
	cp -L "$1" "$root$name"
	chmod u+w "$root$name"
}

# a program or library of the host, with all that it links
closure()
{
	local lib

	while read -r lib; do
		copy "$lib"
	done < <(ldd "$@" 2>/dev/null | grep -o '/[^ :]* (0x' | sed 's/ (0x$//' | sort -u)
}

system_programs()
{
	local p path files=()

	for p in "${PROGRAMS[@]}"; do
		if ! path=$(PATH=/usr/bin:/usr/sbin:/bin:/sbin command -v "$p"); then
			[[ $OPTIONAL == *" $p "* ]] || die "$p is missing; try: make deps"
			continue
		fi
		files+=("$path")
		copy "$path"
	done
	for p in "${LIBRARIES[@]}"; do
		[ -e "/usr/lib/$p" ] || die "/usr/lib/$p is missing; try: make deps"
		files+=("/usr/lib/$p")
		copy "/usr/lib/$p"
	done
	closure "${files[@]}"
	for p in modprobe insmod rmmod lsmod modinfo depmod; do
		ln -sf ../bin/kmod "$root/usr/sbin/$p"
	done
	cp /bin/busybox "$root/usr/bin/busybox"
	for p in $("$root/usr/bin/busybox" --list); do
		[ -e "$root/usr/bin/$p" ] || [ -e "$root/usr/sbin/$p" ] ||
			ln -s busybox "$root/usr/bin/$p"
	done
	mkdir -p "$root/etc/ssl" "$root/usr/lib/ssl" "$root/var/lib/softhsm/tokens"
	cp -L /etc/ssl/openssl.cnf "$root/etc/ssl/"
	ln -sf /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
	mkdir -p "$root/etc/softhsm"
	printf '%s\n' 'directories.tokendir = /var/lib/softhsm/tokens' \
		'objectstore.backend = file' 'log.level = ERROR' >"$root/etc/softhsm/softhsm2.conf"
	mkdir -p "$root/usr/lib/locale"
	cp -r /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
	for p in l/linux d/dumb v/vt100; do
		copy "/lib/terminfo/$p"
	done
}

# module_files BASE MODULE...: with what they depend on, each once
module_files()
{
	local base=$1 m

	shift
	for m in "$@"; do
		modprobe -d "$base" -S "$kver" --show-depends "$m" 2>"$work/modprobe.log" ||
			[[ $ABSORBED == *" $m "* ]] || die "$kver: $(head -n 1 "$work/modprobe.log")"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u
}

kernel_modules()
{
	local source=$1 m tree=$work/tree file

	# modprobe wants lib/modules/KVER below its base
	mkdir -p "$tree/lib/modules" "$root/lib/modules/$kver"
	ln -s "$(realpath "$source")" "$tree/lib/modules/$kver"
	[ -e "$source/modules.dep.bin" ] || {
		rm "$tree/lib/modules/$kver"
		cp -a "$(realpath "$source")" "$tree/lib/modules/$kver"
		depmod -b "$tree" "$kver"
	}
	# none are left when all is built in
	module_files "$tree" "${MODULES[@]}" >"$work/list"
	while read -r file; do
		m=$root/lib/modules/$kver/kernel/${file##*/kernel/}
		mkdir -p "$(dirname "$m")"
		case $file in
		*.xz) xz -dc "$file" >"${m%.xz}" ;;
		*.zst) zstd -qdc "$file" >"${m%.zst}" ;;
		*) cp "$file" "$m" ;;
		esac
	done <"$work/list"
	cp "$source"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$kver/"
}

project()
{
	local p files=()

	if [ -n "$erot" ]; then
		mkdir -p "$root/lib/modules/$kver/updates"
		# debug information is a megabyte that the guest would only carry about
		strip --strip-debug -o "$root/lib/modules/$kver/updates/erot.ko" "$erot"
		ln -s "$kver/updates/erot.ko" "$root/lib/modules/erot.ko"
	fi
	if [ -e "$build/planted-$kver/planted.ko" ]; then
		cp "$build/planted-$kver/planted.ko" "$root/lib/modules/$kver/updates/"
	fi
	for p in erotd erotctl ewc dergctl dergd erot-hsm erot-attester; do
		[ -x "$build/$p" ] || continue
		install -m 755 "$build/$p" "$root/usr/bin/$p"
		files+=("$build/$p")
	done
	if compgen -G "$top/selftests/*.sh" >/dev/null; then
		install -m 755 "$top"/selftests/*.sh "$root/selftests/"
	fi
	if [ -d "$build/selftests" ]; then
		while read -r p; do
			install -D -m 755 "$p" "$root/selftests/${p#"$build/selftests/"}"
			files+=("$p")
		done < <(find "$build/selftests" -type f -perm -100)
	fi
	if [ -d "$top/selftests/data" ]; then
		cp -r "$top/selftests/data" "$root/selftests/"
	fi
	[ ${#files[@]} -eq 0 ] || closure "${files[@]}"
	install -m 755 "$top/qemu-test/init2" "$root/sbin/init2"
	install -m 755 "$top/qemu-test/guest-tests.sh" "$root/usr/sbin/guest-tests"
	install -m 755 "$top/qemu-test/debug-tests.sh" "$root/usr/sbin/debug-tests"
	if [ -e "$top/qemu-test/demo-guest.sh" ]; then
		install -m 755 "$top/qemu-test/demo-guest.sh" "$root/demo/run.sh"
	fi
}

# as root, or as what looks like root to the programs that read the tree
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		unshare --user --map-root-user "$@"
	fi
}

initrd()
{
	local small=$work/initrd m

	mkdir -p "$small"/{bin,dev,proc,sys,usr/bin,usr/sbin}
	cp /bin/busybox "$small/bin/"
	for m in $("$small/bin/busybox" --list); do
		ln -s ../../bin/busybox "$small/usr/bin/$m"
	done
	rm -f "$small/usr/bin/modprobe"
	cp "$root/usr/bin/kmod" "$small/usr/bin/"
	(
		cd "$root"
		ldd usr/bin/kmod | grep -o '/[^ ]*' | while read -r m; do
			m=$(realpath "$(dirname "$m")")/$(basename "$m")
			cp --parents "${m#/}" "$small/"
		done
		module_files "$root" ${erot:+erot} virtio_blk "${CRYPTO[@]}" |
			sed 's,.*/\(lib/modules/\),\1,' |
			while read -r m; do
				cp --parents "usr/$m" "$small/"
			done
		cp --parents "usr/lib/modules/$kver"/modules.{order,builtin,builtin.modinfo} "$small/"
	)
	ln -s usr/sbin "$small/sbin"
	ln -s usr/lib "$small/lib"
	ln -s usr/lib64 "$small/lib64"
	mkdir -p "$small/usr/lib64"
	ln -s ../bin/kmod "$small/usr/sbin/modprobe"
	depmod -b "$small" "$kver"
	install -m 755 "$top/qemu-test/init" "$small/init"
	(cd "$small" && find . -print0 | LC_ALL=C sort -z |
		cpio --quiet --null -o -H newc -R 0:0) >"$out/initrd"
}

disk()
{
	local size

	size=$(du -sm "$root" | cut -f 1)
	truncate -s "$((size + 512))M" "$out/root.img"
	as_root mke2fs -q -F -t ext4 -O '^has_journal' -E root_owner=0:0 -L erot-root -m 0 \
		-d "$root" "$out/root.img"
}

[ -x /bin/busybox ] || die "busybox-static is missing; try: make deps"
kernel=$("$top/qemu-test/kernel.sh" "$kver")
mkdir -p "$out"
skeleton
system_programs
kernel_modules "$kernel/modules"
project
more
depmod -b "$root" "$kver"
as_root ldconfig -r "$root" 2>/dev/null || ldconfig -r "$root"
initrd
disk
