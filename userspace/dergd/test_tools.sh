#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever goes wrong is one line: the program's name, the thing, the reason; and the exit status
# says what kind of thing it was: 1 internal, 2 usage, 3 refused, 4 not found, 5 host not fit.
#
#	test_tools.sh BUILD		directory with the programs

build=$1
# what is mounted here is seen and left behind nowhere else
if [ "${2:-}" != alone ] && unshare -m true 2>/dev/null; then
	exec unshare -m bash "$0" "$build" alone
fi
. "$(dirname "$0")/../../selftests/lib.sh"

# line STATUS REGEX PROGRAM ARGUMENT...: just that status, and one line that begins with the program
line()
{
	local status want=$1 regex=$2 name="$3 ${*:4}"

	"$build/$3" "${@:4}" >out 2>err </dev/null
	status=$?
	if [ "$status" -ne "$want" ] || [ "$(wc -l <err)" -ne 1 ] || ! grep -qE "^$3: .*$regex" err; then
		not_ok "$name: $want" "$status, not /$regex/: $(cat err)"
	else
		ok "$name: $want"
	fi
}

# rows of "STATUS REGEX PROGRAM ARGUMENT...", blanks between words, _ for one in REGEX
rows()
{
	local words

	while read -ra words; do
		line "${words[0]}" "${words[1]//_/ }" "${words[@]:2}"
	done
}

# things to be wrong about
mkdir -p root/bin
cp /bin/true root/bin
printf '{"process":{"args":["/bin/true"]},"erot":{"maxRuntime":60}}' >good.json
echo '{' >bad.json
echo 'nonsense = 1' >bad.conf
echo 'derg = https://127.0.0.1:1' >away.conf
echo 'provider = /bin/false' >erotd.conf
printf 'derg = https://127.0.0.1:1\ntpm = device:/dev/null\n' >no-tpm.conf
printf 'derg = https://127.0.0.1:1\nsoftware_key = %s\n' "$PWD/machine.key" >no-module.conf
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out machine.key 2>/dev/null
export EWC_CONFIG=away.conf

for program in erotctl erotd ewc dergctl dergd erot-attester; do
	"$build/$program" --help >out 2>err </dev/null
	same "$program --help: goes to standard output" "0 0" "$? $(wc -l <err)"
	matches "$program --help: says how it is used" "^usage: $program " "$(cat out)"
	"$build/$program" --help >/dev/full 2>/dev/null </dev/null
	same "$program --help: what cannot be written is a failure" 1 $?
	line 2 'usage|help' "$program" --nonsense
done

rows <<'END'
2 no_command ewc
2 no_command dergctl
2 no_command erotctl
2 one_operation_is_needed erot-attester
2 unknown_command ewc nonsense
2 unknown_command dergctl nonsense
2 no_such_operation erot-attester nonsense
2 nonsense: erotd nonsense
2 nonsense: dergd nonsense
2 -c: erotd -c
2 --config: dergd --config
2 --foo:_no_such_option.*;_usage:_ewc_audit_ ewc audit --foo
2 --cert:.*argument.*;_usage: ewc audit --cert
2 ;_usage:_ewc_show_ ewc show
2 ;_usage:_ewc_prepare_ ewc prepare --manifest good.json root
2 --dir_needs dergctl --dir
2 ;_usage:_dergctl_derive_ dergctl derive
2 not-found:_absent: erotd -c absent
2 bad.conf:1:_unknown_key erotd -c bad.conf
2 not-found:_absent: dergd --config absent
2 bad.conf:1:_unknown_key dergd --check bad.conf
2 absent:.*\(not-found\)$ erot-attester --config absent state
2 bad.conf:1:_unknown_key erot-attester --config bad.conf state
3 root:.*\(io\)$ ewc show root
3 good.json:.*not_a_CMS.*\(cms-syntax\)$ ewc show good.json
3 bad.json:.*line_2.*\(manifest-syntax\)$ ewc prepare --manifest bad.json root -o p
3 policy-syntax dergctl policy test --policy bad.json bad.json
4 absent:.*\(not-found\)$ ewc show absent
4 absent:.*\(not-found\)$ ewc prepare --manifest absent root -o p
4 absent:.*\(not-found\)$ ewc prepare --manifest good.json absent -o p
4 absent/p ewc prepare --manifest good.json root -o absent/p
4 good.json/p ewc prepare --manifest good.json root -o good.json/p
4 no_DERG_here.*init dergctl --dir absent machine list
4 not_installed ewc pack --manifest good.json --derive absent-program root
1 away\.conf|127\.0\.0\.1:1:.*\(service-unreachable\)$ ewc pack --manifest good.json --machine 00 --order-cert c --order-key k root
5 no_TPM_at_device:/dev/null.*\(tpm-missing\)$ erot-attester --config no-tpm.conf state
5 not_loaded_\(no-module\)$ erot-attester --config no-module.conf state
5 no-module: erotctl list
5 no-module: erotctl stats
END
check "a DERG" "$build/dergctl" --dir derg init
rows <<'END'
2 64_hexadecimal_digits_\(usage\)$ dergctl --dir derg machine revoke 00
2 64_hexadecimal_digits_\(usage\)$ dergctl --dir derg client remove 00
3 exists_and_is_not_empty_\(exists\)$ dergctl --dir derg init
3 \(hwkey\)$ dergctl --dir derg derive --machine good.json --manifest good.json -o p
4 \(epoch-unknown\)$ dergctl --dir derg epoch destroy --epoch 7
4 \(machine-unknown\)$ dergctl --dir derg machine revoke 0000000000000000000000000000000000000000000000000000000000000000
END
[ ! -e p ] || not_ok "nothing is made by what fails" "p"

# a DERG that ends the connection in the handshake, as one that is being stopped does, and one that
# is another: only the first may be asked again
cat >served.py <<'END'
import socket, ssl, sys
how, cert, key = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    peer = listener.accept()[0]
    try:
        if how == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            context.wrap_socket(peer, server_side=True).recv(1)
        elif how == "eof":
            peer.recv(4096)
    except OSError:
        pass
    peer.close()
END
for name in good other; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key \
		-out $name.pem -days 2 -subj "/CN=$name" -addext subjectAltName=IP:127.0.0.1 2>/dev/null
done

# served STATUS REGEX HOW: what ewc says of a server that does so
served()
{
	local port

	mkfifo said
	python3 served.py "$3" other.pem other.key >said 2>/dev/null &
	read -r port <said
	rm said
	printf 'derg = https://127.0.0.1:%d\nca = good.pem\n' "$port" >served.conf
	EWC_CONFIG=served.conf line "$1" "$2" ewc pack --manifest good.json --machine 00 \
		--order-cert c --order-key k root
	kill $!
	wait $! 2>/dev/null
}
served 1 '\(service-lost\)$' at-once
served 1 '\(service-lost\)$' eof
served 3 '\(service-tls\)$' tls

# without root: as nobody, if we can be
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 .
	mkdir -m 700 private
	cp -L "$build"/{erotctl,ewc,erotd} .
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	refused "not root: erotd" 5 '^erotd: not-root: ' "${user[@]}" ./erotd -c erotd.conf
	refused "not root: erotctl kill" 3 '^erotctl: kill: .*: Permission denied$' "${user[@]}" \
		./erotctl kill --socket private/sock 00112233445566778899aabbccddeeff
	refused "not root: a directory of another's" 3 '^ewc: private/p.*: Permission denied \(io\)$' \
		"${user[@]}" ./ewc prepare --manifest good.json root -o private/p
else
	skip "not root" "nobody but root can become somebody else"
fi

# disks that are full
full()
{
	mkdir full
	check "a small disk" mount -t tmpfs -o size=256k full full || return
	head -c 1000000 /dev/urandom >root/bin/big
	line 1 'payload.*No space left on device \(io\)$' ewc prepare --manifest good.json root -o full/p
	same "what was begun is removed" "" "$(ls full)"
	TMPDIR=$PWD/full line 1 'No space left on device: mkfs.erofs failed.*\(command\)$' \
		ewc prepare --manifest good.json root -o p
	same "and so is the plaintext" "" "$(ls full)"
	line 1 'full/derg is unfinished, remove it before you try again: .*\(.*\)$' \
		dergctl --dir full/derg init
	umount full
}

if [ "${2:-}" = alone ]; then
	full
else
	skip "full disks" "nobody but root can mount one"
fi
finish
