#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What is left of secrets and plaintext in a machine's memory, looked at from outside: makes a
# provider, a customer and one workload for each way to end, then memory-scan.py boots the machines
# and searches them. Prints TAP and a table; the counts go to $EROT_RESULT, if set.
#
# usage: memory-scan.sh [--image DIR] [MACHINE]...   image as for run.sh, all machines

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
export PATH=$build:$PATH

die()
{
	echo "memory-scan: $*" >&2
	exit 1
}

kver=${KVER:-$(find "$build" -maxdepth 1 -name 'module-6.12*-cloud-amd64' -printf '%f\n' |
	sort -V | tail -n 1)}
export KVER=${kver#module-}
image=''
if [ "${1:-}" = --image ]; then
	image=${2:?} && shift 2
fi
reveal=reveal-$KVER/erot-reveal.ko
if [ "$*" = shipped ]; then		# nobody tells its secrets
	reveal=''
fi
for f in module-$KVER/erot.ko $reveal memory-scan dergctl selftests/workload/remember; do
	[ -e "$build/$f" ] || die "build/$f is missing; try: make check-memory"
done
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :
machine=$work/machine
mkdir "$machine"

provider()
{
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
		openssl pkey -pubout -outform DER -out "$machine/machine.spki"
	openssl req -x509 -newkey rsa:3072 -nodes -keyout "$work/customer.key" \
		-out "$work/customer.pem" -days 30 -subj /CN=customer \
		-addext subjectKeyIdentifier=hash 2>/dev/null
	dergctl --dir "$work/derg" init --open-mode
	cp "$work/derg/receipt-cert.der" "$machine/"
}

# pack NAME SECONDS: a workload with a content key and a seed of its own, for one launch
pack()
{
	local tree=$work/tree p=$work/$1

	rm -rf "$tree"
	mkdir -p "$tree"/{bin,data,dev,proc,run,tmp}
	cp "$build/selftests/workload/remember" "$tree/bin/"
	head -c 32 /dev/urandom >"$p.seed"
	cp "$p.seed" "$tree/data/seed"
	cat >"$p.json" <<-END
		{"process": {"args": ["/bin/remember"], "cwd": "/"}, "root": {"readonly": false},
		 "linux": {"resources": {"memory": {"limit": 33554432}, "pids": {"limit": 8}}},
		 "hostname": "inside", "erot": {"maxRuntime": $2, "requireHost": ["init-on-free"]}}
	END
	ewc prepare --manifest "$p.json" --key "$p.key" --finished "$p.manifest" "$tree" \
		-o "$machine/$1.payload"
	dergctl --dir "$work/derg" derive --machine "$machine/machine.spki" \
		--manifest "$p.manifest" -o "$p.statement"
	ewc seal --statement "$p.statement" --cert "$machine/receipt-cert.der" \
		--payload "$machine/$1.payload" --key "$p.key" --manifest "$p.manifest" \
		-o "$machine/$1.ewc"
	ewc order --statement "$p.statement" --ewc "$machine/$1.ewc" --key "$work/customer.key" \
		--cert "$work/customer.pem" -o "$p.order"
	dergctl --dir "$work/derg" receipt --statement "$p.statement" --order "$p.order" \
		--customer-cert "$work/customer.pem" --ewc "$machine/$1.ewc" -o "$machine/$1.receipt"
}

make_world()
{
	local name

	provider
	while read -r name; do
		case $name in
		*deadline) pack "$name" 10 ;;
		*) pack "$name" 300 ;;
		esac
	done < <("$top/qemu-test/memory-scan.py" --names)
	install -m 755 "$top/qemu-test/memory-scan-guest.sh" "$machine/guest.sh"
	install -m 755 "$top/qemu-test/memory-scan-provider.sh" "$machine/provider.sh"
	[ -z "$reveal" ] || cp "$build/$reveal" "$machine/"
	tar -C "$machine" --format=ustar -cf "$work/disk.tar" .
	if [ -n "$image" ]; then
		ln -s "$(realpath "$image")" "$work/image"
	else
		mkdir "$work/image"
		"$top/qemu-test/image.sh" "$KVER" "$work/image"
	fi
}

# not `make_world || die`: in it a failing command would not end it
make_world >"$work/world.log" 2>&1 &
wait $! || die "$(tail -n 3 "$work/world.log")"
TMPDIR=$work scratch_run "$top/qemu-test/memory-scan.py" "$work" "$@"
