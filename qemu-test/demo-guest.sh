#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The main job, narrated: a real program and its data, encrypted by a customer,
# authorised by the DERG, run once on this machine, and gone. All three parties
# are on this machine here, each with a directory of its own.

set -euo pipefail

step=0
say()
{
	printf '\n'
	echo "$*" | fold -s -w 78
}

title()
{
	step=$((step + 1))
	printf '\n== %d. %s\n' "$step" "$*"
}

run()
{
	printf '$ %s\n' "$*"
	"$@"
}

fail()
{
	echo "demo: $*" >&2
	exit 1
}

mkdir -p /srv/{derg,customer,machine} /etc/erot
export TPM2TOOLS_TCTI=device:/dev/tpmrm0

title "The machine: module first, then lockdown"
say "The initrd loaded erot.ko before anything else and raised lockdown. The module" \
	"made a boot key and extended it into PCR 13. It cannot be unloaded any more:"
run cat /sys/kernel/security/lockdown
run cat /sys/class/tpm/tpm0/pcr-sha256/13
if rmmod erot 2>/dev/null; then fail "the module could be unloaded"; fi
echo "rmmod: refused"
say "Its hardware key is an attestation key that the TPM made and never gives out:"
cd /srv/machine
run tpm2 createek -Q -G ecc -c ek.ctx
run tpm2 createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pem -f pem
openssl pkey -pubin -in ak.pem -outform DER -out hardware-key.der
openssl pkey -pubin -in ak.pem -noout -text | head -n 1

title "The provider: a DERG with its keys in an HSM"
run dergctl --dir /srv/derg init --no-attestation
run openssl x509 -inform DER -in /srv/derg/receipt-cert.der -noout -subject
say "The machine trusts receipts of that key only, in a keyring of the module:"
keyctl padd asymmetric "" %keyring:.erot </srv/derg/receipt-cert.der >/dev/null
grep 'keyring   .erot' /proc/keys

title "The customer: a real program with data"
cd /srv/customer
mkdir -p app/{usr/bin,data,dev,proc,sys,tmp,run,etc}
cp /usr/bin/sqlite3 app/usr/bin/
/lib64/ld-linux-x86-64.so.2 --list /usr/bin/sqlite3 | grep -o '/[^ ]*' | sort -u |
	while read -r lib; do
		mkdir -p "app$(dirname "$lib")"
		cp -L "$lib" "app$lib"
	done
sqlite3 app/data/patients.db <<-'END'
	create table patient (name text, born integer, sugar real);
	insert into patient values ('Ada Lovelace', 1815, 5.1), ('Grace Hopper', 1906, 6.7), ('Alan Turing', 1912, 7.9);
END
cat >template.json <<-'END'
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
du -sh app | cut -f 1 | sed 's/$/ of program, libraries and database/'

title "Encrypt it for one launch on one machine"
say "ewc pack makes the image, encrypts it, has the DERG derive this launch's root" \
	"of trust, and seals the content key to its public half:"
run ewc pack --manifest template.json --cert /srv/derg/receipt-cert.der \
	--derive "dergctl --dir /srv/derg derive --machine /srv/machine/hardware-key.der" \
	app -o app.ewc
stat -c '%n: %s bytes' app.ewc
if grep -qa 'SQLite format 3\|Grace Hopper' app.ewc; then fail "plaintext in app.ewc"; fi
echo "neither the database's header nor a name in it can be found there"

title "The customer consents, the provider authorises"
openssl req -x509 -newkey rsa:3072 -nodes -keyout order-key.pem -out order-cert.pem \
	-subj "/CN=customer" -days 30 -addext subjectKeyIdentifier=hash 2>/dev/null
run ewc order --statement app.statement --ewc app.ewc --key order-key.pem --cert order-cert.pem \
	--derg-cert /srv/derg/receipt-cert.der -o app.order
run dergctl --dir /srv/derg receipt --statement app.statement --order app.order \
	--customer-cert order-cert.pem --ewc app.ewc --not-before +0 --not-after +600 -o app.receipt
say "Anyone can check that with openssl:"
openssl x509 -inform DER -in /srv/derg/receipt-cert.der -out derg.pem
run openssl cms -verify -in app.receipt -inform DER -certfile derg.pem -CAfile derg.pem \
	-purpose any -out /dev/null

title "Launch"
cat >/etc/erot/erotd.conf <<-END
	provider = /usr/bin/dergctl --dir /srv/derg provider
	hardware_key = /srv/machine/hardware-key.der
END
erotd -c /etc/erot/erotd.conf 2>/srv/machine/erotd.log &
erotd=$!
trap 'kill $erotd 2>/dev/null || :' EXIT
mkfifo /tmp/never
for _ in {1..300}; do
	[ -S /run/erot/erotd.sock ] && break
	kill -0 $erotd 2>/dev/null || fail "erotd: $(tail -n 1 /srv/machine/erotd.log)"
	read -r -t 0.1 <>/tmp/never || :
done
run erotctl doctor || fail "this machine is not fit"
echo '$ erotctl run app.ewc app.receipt'
answer=$(erotctl run app.ewc app.receipt) || fail "the workload ended with $?: $(tail -n 3 /srv/machine/erotd.log)"
echo "$answer"
grep -q 1912 <<<"$answer" || fail "that was not the answer"

title "Once only"
say "The same receipt a second time:"
if erotctl run app.ewc app.receipt; then fail "a receipt worked twice"; fi

title "The proof"
say "The module holds no session and no key, and nothing of the workload is mounted," \
	"running or left in a control group:"
run erotctl stats
erotctl stats --json | grep -q '"keys": *0' || fail "keys are left"
if grep -q erofs /proc/mounts; then fail "a mount is left"; fi
say "The DERG checked the evidence, made with a key that only the module could have" \
	"derived, and signed a destruction record:"
record=$(find /var/lib/erot/records -name '*.cms' | head -n 1)
[ -n "$record" ] || fail "no destruction record"
run dergctl show "$record" --cert /srv/derg/receipt-cert.der
