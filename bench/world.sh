#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# world.sh DIR DISK NAME...: what the measurements need from a provider and a customer, made in DIR
# by the real tools on this host, where they are not emulated, and put on a disk for the guest: the
# DERG with its token, packed workloads, and an envelope and a receipt for every launch. What is large
# goes to the disk at once and is removed, so that it never takes its room twice for long.

set -euo pipefail

dir=$(realpath "${1:?usage: world.sh DIR DISK NAME...}")
disk=${2:?usage: world.sh DIR DISK NAME...}
shift 2
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export PATH=$build:/usr/sbin:$PATH
rounds=${BENCH_ROUNDS:-5}

die()
{
	echo "world: $*" >&2
	exit 1
}

# the room that is not used takes none
disk_begin()
{
	local size mb=$((${BENCH_MB:-8} * 8 + 1024))

	for size in ${BENCH_SIZES:-16 256 2048}; do
		mb=$((mb + 4 * size))
	done
	truncate -s "${mb}M" "$disk"
	mke2fs -q -F -t ext4 -O '^has_journal' -E root_owner=0:0 -m 0 -N 8192 "$disk"
}

# disk_put: files and directories, each after the one that it lies in, one a line on stdin
disk_put()
{
	local path

	while read -r path; do
		if [ ! -d "$path" ]; then
			echo "write \"$path\" \"$path\""
		else
			echo "mkdir \"$path\""
		fi
	done >"$dir.commands"
	debugfs -w -f "$dir.commands" "$disk" >/dev/null 2>"$dir.errors"
	# its status is 0 in any case
	! sed '/^debugfs [0-9]/d' "$dir.errors" | grep . >&2 || die "debugfs: see above"
}

begin()
{
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
		openssl pkey -pubout -outform DER -out machine.spki
	openssl req -x509 -newkey rsa:3072 -nodes -keyout cust.key -out cust.pem -days 30 \
		-subj /CN=customer -addext subjectKeyIdentifier=hash 2>/dev/null
	dergctl --dir derg init --open-mode >/dev/null 2>&1
}

# pack NAME MB-OF-MEMORY ARGS LAUNCHES: NAME/root becomes NAME/payload, and NAME/N.ewc, NAME/N.receipt
pack()
{
	local name=$1 i

	cat >template.json <<-END
	{"process": {"args": $3, "cwd": "/", "env": ["PATH=/bin"]}, "root": {"readonly": true},
	 "linux": {"resources": {"memory": {"limit": $(($2 << 20))}, "pids": {"limit": 128}}},
	 "hostname": "inside", "erot": {"maxRuntime": 3600, "requireHost": ["init-on-free"]}}
	END
	ewc prepare --manifest template.json --key "$name/key" --finished "$name/manifest" \
		"$name/root" -o "$name/payload"
	for ((i = 0; i < $4; i++)); do
		dergctl --dir derg derive --machine machine.spki --manifest "$name/manifest" -o statement
		ewc seal --statement statement --cert derg/receipt-cert.der --payload "$name/payload" \
			--key "$name/key" --manifest "$name/manifest" -o "$name/$i.ewc"
		ewc order --statement statement --ewc "$name/$i.ewc" --key cust.key --cert cust.pem -o order
		dergctl --dir derg receipt --statement statement --order order --customer-cert cust.pem \
			--ewc "$name/$i.ewc" -o "$name/$i.receipt"
		rm statement order
	done
}

# a root directory that every kind of sandbox accepts, with one program: NAME PROGRAM MB
tree()
{
	mkdir -p "$1"/root/{bin,proc,dev,sys,run,tmp,data}
	cp "$build/bench/bin/$2" "$1/root/bin/"
	chmod -R go+rX "$1"
	[ "$3" -eq 0 ] || head -c $(($3 << 20)) /dev/urandom >"$1/root/data/big"
}

# peer NAME [LAST]: the same tree under dm-verity on dm-crypt: NAME/crypt, NAME/tree, NAME/hash; nobody
# needs the tree itself after the last
peer()
{
	mkfs.erofs --quiet -E noinline_data "$1/image" "$1/root" >/dev/null
	[ -z "${2:-}" ] || rm -r "$1/root"
	truncate -s %4096 "$1/image"
	veritysetup format "$1/image" "$1/tree" | sed -n 's/^Root hash:[[:space:]]*//p' >"$1/hash"
	"$top/bench/xts.py" disk.key "$1/image" "$1/crypt"
	rm "$1/image"
}

# keys of the tests' own provider
world_fixture()
{
	local key

	[ ! -e fixture ] || return 0
	mkdir fixture
	for key in key other; do
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "fixture/$key.pem" 2>/dev/null
	done
}

world_launch()
{
	tree launch first 0
	pack launch 64 '["/bin/first"]' $((rounds + 1))
}

world_read()
{
	local mb=${BENCH_MB:-8}

	tree read reader "$mb"
	pack read $((mb + 64)) '["/bin/reader", "/data/big"]' 1
	peer read
}

# the launch whose image has all these sizes, next to it for dm, and to be decrypted first
world_size()
{
	local size name

	age-keygen -o age.key 2>/dev/null
	for size in ${BENCH_SIZES:-16 256 2048}; do
		name=size-$size
		tree "$name" first "$size"
		pack "$name" 64 '["/bin/first"]' $((rounds + 1))
		printf '%s\n' "$name" "$name/payload" "$name"/*.ewc "$name"/*.receipt | disk_put
		rm "$name/payload"
		if [ "$size" -le "${BENCH_DECRYPT:-16}" ]; then
			tar -C "$name/root" -cf - . | age -e -r "$(age-keygen -y age.key)" >"$name/age"
			echo "$name/age" | disk_put
			rm "$name/age"
		fi
		peer "$name" last
		printf '%s\n' "$name"/{crypt,tree,hash} | disk_put
		rm -r "$name"
	done
}

cd "$dir"
disk_begin
begin
head -c 64 /dev/urandom >disk.key
for name in "$@"; do
	case $name in
	launch | read | size) "world_$name" ;;
	death | scale) world_fixture ;;
	esac
done
find . -mindepth 1 -printf '%P\n' | disk_put
