#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What must not run, through the real tools: each refusal names its check, and
# leaves nothing.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

# flip FILE OFFSET: another value in one byte
flip()
{
	local byte

	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "$(printf '\\%03o' $(((byte + 1) % 256)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
authorise good '["/bin/cat", "/data/canary"]' || not_ok "authorised"

# payload: each of these before the receipt is spent on a success
cp app.payload bad.payload
flip bad.payload 70
refused "first chunk altered" 125 "damaged" launch good bad.payload
authorise good '["/bin/cat", "/data/canary"]'
head -c $(($(stat -c %s app.payload) - 1)) app.payload >bad.payload
refused "payload truncated" 125 "length" launch good bad.payload
authorise good '["/bin/cat", "/data/canary"]'
cp app.payload bad.payload
printf x >>bad.payload
refused "payload extended" 125 "length" launch good bad.payload
authorise good '["/bin/cat", "/data/canary"]'
cp app.payload bad.payload
dd if=app.payload of=bad.payload bs=16400 skip=1 count=1 conv=notrunc 2>/dev/null
refused "chunks exchanged" 125 "damaged" launch good bad.payload

# envelope
for offset in 17 100 -1; do
	authorise good '["/bin/cat", "/data/canary"]'
	[ $offset -ge 0 ] || offset=$(($(stat -c %s good.ewc) - 1))
	flip good.ewc $offset
	refused "envelope altered at $offset" 125 "envelope" launch good
done
authorise good '["/bin/cat", "/data/canary"]'
authorise other '["/bin/cat", "/data/canary"]'
cp other.ewc good.ewc
refused "envelope of another launch" 125 "envelope" launch good

# receipt
authorise good '["/bin/cat", "/data/canary"]'
cp good.receipt kept.receipt
for offset in 40 120 400 -1; do
	cp kept.receipt good.receipt
	[ $offset -ge 0 ] || offset=$(($(stat -c %s good.receipt) - 1))
	flip good.receipt $offset
	refused "receipt altered at $offset" 125 "receipt|signature|cms" launch good
done
cp good.statement good.receipt
refused "key statement for a receipt" 125 "receipt|purpose" launch good
cp good.order good.receipt
refused "order for a receipt" 125 "receipt|signature|cms|signer" launch good
cp kept.receipt good.receipt
check "the receipt itself is good" launch good
refused "and is spent then" 125 "spent" launch good

authorise good '["/bin/cat", "/data/canary"]' --not-before +3600 --not-after +7200
refused "not yet valid" 125 "not.yet|not-yet|notBefore|not-before" launch good
authorise good '["/bin/cat", "/data/canary"]' --not-before 2020-01-01T00:00:00Z \
	--not-after 2020-01-02T00:00:00Z
refused "expired" 125 "expired" launch good

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
	openssl pkey -pubout -outform DER -out other.spki
for_machine=other.spki authorise good '["/bin/cat", "/data/canary"]'
refused "for another machine" 125 "machine" launch good

authorise good '["/bin/cat", "/data/canary"]'
keyctl unlink "$key" %keyring:.erot
refused "certificate was removed" 125 "signer|certificate|key" launch good

clean "after all of them"
finish
