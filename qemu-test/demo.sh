#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The main job, narrated: attest, derive, package, authorise, release, run,
# destroy, audit. Provider and customer are this host; the remote machine is a
# virtual machine with a TPM, and they talk over the network.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
export PATH=$build:$PATH

say()
{
	printf '\n'
	echo "$*" | fold -s -w 78
}

step=0
title()
{
	step=$((step + 1))
	printf '\n== %d. %s\n' "$step" "$*"
}

run()
{
	printf '$ %s\n' "${*//$place\//}"
	"$@"
}

fail()
{
	echo "demo: $*" >&2
	exit 1
}

place=$(mktemp -d)
# shellcheck source=provider.sh
. "$top/qemu-test/provider.sh"
# shellcheck disable=SC2317 # called at the end
finish()
{
	provider_stop
	rm -rf "$place"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
kver=$(find "$build" -maxdepth 1 -name 'module-6.12*-cloud-amd64' | sort -V | tail -n 1)
export KVER=${kver##*/module-}
mkdir "$place/image"
"$top/qemu-test/image.sh" "$KVER" "$place/image"

# boot TIMEOUT COMMAND...: the remote machine; its TPM and the firmware are the same each time
boot()
{
	local limit=$1
	shift
	"$top/qemu-test/run.sh" --name demo --image "$place/image" --tpm-state "$place/tpm" --net \
		--uefi --disk "$place/disk.tar" --append erot_lockdown --timeout "$limit" \
		--result "$place/result" -- /demo/run.sh "$@"
}

# what goes to the machine goes there on a disk, as a file server might have it
to_machine()
{
	tar -C "$place/machine" --format=ustar -cf "$place/disk.tar" .
}

title "The provider: a DERG with its keys in an HSM, and its service"
say "A virtual TPM stands for the one that the machine was delivered with. Its maker's" \
	"certificates say whose TPMs may be enrolled."
"$top/qemu-test/tpm.sh" "$place/tpm"
provider_certs
run provider_dergctl init --ek-roots "$place/tpm/ek-roots.pem" --log-name demo.example/erot
say "The customer is known by a TLS certificate, and by another one for orders:"
run provider_dergctl client add --tenant default --label clinic --order-cert "$place/order.pem" \
	"$place/customer.pem"
provider_start
echo "dergd listens on 127.0.0.1:$port"

title "The remote machine: booted, measured, enrolled"
say "Its firmware measures kernel, command line and initrd. The initrd loads erot.ko" \
	"before anything else and raises lockdown; the module makes a boot key and extends" \
	"it into PCR 13. Then the machine enrols: the DERG seals a secret to the TPM's" \
	"endorsement key and to this attestation key, and only that TPM can open it." \
	"Booting takes half a minute under software emulation..."
mkdir "$place/machine"
cp "$place/ca.pem" "$place/derg/receipt-cert.der" "$place/machine"
cat >"$place/machine/attester.conf" <<-END
	derg = https://10.0.2.2:$port
	ca = /etc/erot/ca.pem
	tenant = default
END
to_machine
boot 300 enrol || fail "the machine could not be enrolled"
machine=$(provider_dergctl machine list | cut -f 1)
[ ${#machine} -eq 64 ] || fail "the DERG knows no machine"

title "The policy: what a good machine looks like"
say "The machine's state, taken while it is known to be good, becomes reference values." \
	"From now on the DERG releases to machines that boot exactly this."
cp "$place/result" "$place/state.json"
run provider_dergctl policy learn -o "$place/policy.json" "$place/state.json"
run provider_dergctl policy put "$place/policy.json"

title "The customer: a real program with data, packed for one launch"
app=$place/app
mkdir -p "$app"/{usr/bin,data,dev,proc,sys,tmp,run,etc}
cp /usr/bin/sqlite3 "$app/usr/bin/"
/lib64/ld-linux-x86-64.so.2 --list /usr/bin/sqlite3 | grep -o '/[^ ]*' | sort -u |
	while read -r lib; do
		mkdir -p "$app$(dirname "$lib")"
		cp -L "$lib" "$app$lib"
	done
sqlite3 "$app/data/patients.db" <<-'END'
	create table patient (name text, born integer, sugar real);
	insert into patient values ('Ada Lovelace', 1815, 5.1), ('Grace Hopper', 1906, 6.7), ('Alan Turing', 1912, 7.9);
END
cat >"$place/app.json" <<-'END'
	{
	  "process": {
	    "args": ["/usr/bin/sqlite3", "-readonly", "-box", "file:/data/patients.db?immutable=1",
	             "select count(*), avg(sugar), max(born) from patient"],
	    "env": ["HOME=/tmp"],
	    "cwd": "/"
	  },
	  "root": {"readonly": true},
	  "hostname": "clinic",
	  "linux": {"resources": {"memory": {"limit": 67108864}, "pids": {"limit": 16}}},
	  "erot": {"maxRuntime": 60}
	}
END
cat >"$place/ewc.conf" <<-END
	derg = https://127.0.0.1:$port
	ca = $place/ca.pem
	client_cert = $place/customer.pem
	client_key = $place/customer-key.pem
	order_cert = $place/order.pem
	order_key = $place/order-key.pem
	receipt_cert = $place/derg/receipt-cert.der
END
export EWC_CONFIG=$place/ewc.conf
du -sh "$app" | cut -f 1 | sed 's/$/ of program, libraries and database/'
say "One command: the image is made and encrypted, the DERG derives this launch's root" \
	"of trust, the content key is sealed to its public half, the customer signs an" \
	"order, and the DERG a receipt:"
run ewc pack --machine "$machine" "$place/app"
stat -c '%n: %s bytes' "$place/app.ewc" "$place/app.receipt" | sed "s,$place/,,"
if grep -qa 'SQLite format 3\|Grace Hopper' "$place/app.ewc"; then fail "plaintext in app.ewc"; fi
echo "neither the database's header nor a name in it can be found there"

title "The launch"
say "The machine boots again: another boot key, the same TPM, no new enrolment."
mv "$place/app.ewc" "$place/app.receipt" "$place/machine"
to_machine
boot 300 launch || fail "the launch failed"

title "The audit"
say "The customer gets what the provider recorded, and checks it offline, against the" \
	"provider's certificate and its own container:"
run ewc fetch "$place/machine/app.receipt" -o "$place/app.audit"
provider_stop
run ewc audit --cert "$place/derg/receipt-cert.der" \
	--receipt "$place/machine/app.receipt" --ewc "$place/machine/app.ewc" \
	--customer-cert "$place/order.pem" --ek-roots "$place/tpm/ek-roots.pem" "$place/app.audit"
openssl x509 -inform DER -in "$place/derg/receipt-cert.der" -out "$place/derg.pem"
say "What is signed can be checked without any of our programs:"
run openssl cms -verify -in "$place/machine/app.receipt" -inform DER -certfile "$place/derg.pem" \
	-CAfile "$place/derg.pem" -purpose any -out /dev/null
