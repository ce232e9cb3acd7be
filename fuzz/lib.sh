# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced: builds the targets with sanitizers into $out, and what they begin
# with. Everything below build/fuzz can be removed at any time.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit 1
out=build/fuzz
export TSS2_LOG=all+none	# the parsers are given what is malformed

fuzz_targets()
{
	local file

	for file in fuzz/*.c; do
		basename "$file" .c
	done
}

# fuzz_build TARGET...
fuzz_build()
{
	local sanitize=fuzzer-no-link,address,undefined

	make --no-print-directory -s -j"$(nproc)" BUILD=$out CC=clang \
		CFLAGS="-g -O1 -Wno-error -U_FORTIFY_SOURCE -fno-sanitize-recover=undefined -fsanitize=$sanitize" \
		"${@/#/$out/}"
}

hex()
{
	python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex("".join(sys.argv[1:])))' "$@"
}

# Real files: an image, a payload, and one launch by a DERG with a token, each with new keys.
# FUZZ_RUNS: one that was kept, what is read of it, so that a run is the same each time.
fuzz_launch()
{
	local dir=$out/launch.new

	if [ -n "${FUZZ_RUNS:-}" ]; then
		rm -rf "$out/launch"
		cp -r fuzz/seeds/launch "$out/launch"
		return
	fi

	rm -rf "$dir"
	mkdir -p "$dir/tree/sub" "$dir/doc"
	make --no-print-directory -s -j"$(nproc)" userspace build/fuzz-launch
	echo file >"$dir/tree/file"
	ln -s file "$dir/tree/link"
	echo '{"process": {"args": ["/file"]}, "erot": {"requireHost": []}}' >"$dir/template"
	mkfs.erofs --quiet -d1 -E noinline_data -x-1 "$dir/image" "$dir/tree" >/dev/null
	build/ewc prepare --manifest "$dir/template" --key "$dir/key" --finished "$dir/manifest" \
		"$dir/tree" -o "$dir/payload" >/dev/null
	build/dergctl --dir "$top/$dir/derg" init --open-mode >/dev/null 2>&1
	build/fuzz-launch "$top/$dir/derg" "$dir/doc" "$dir/manifest"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=seed \
		-addext extendedKeyUsage=2.23.133.8.1 -out "$dir/ek" 2>/dev/null
	rm -rf "$dir/derg" "$dir/key" "$out/launch"
	mv "$dir" "$out/launch"
}

# fuzz_seeds TARGET DIR: what the target begins with, where it cannot guess it
fuzz_seeds()
{
	local data=userspace/liberot/testdata/ovmf.json doc=$out/launch/doc zeros digest f

	zeros=$(printf '%064d' 0)
	case $1 in
	bundle) cp "$doc/bundle" "$2/launch" ;;
	cms)
		cp "$doc"/{statement,order,receipt,destruction}{,.cms} "$doc"/{envelope,evidence} "$2"
		;;
	kernel_receipt) cp "$doc"/{statement,order,receipt,destruction}{,.cms} "$2" ;;
	kernel_envelope) cp "$doc/opened" "$2/launch" ;;
	kernel_super)
		{
			hex 0010000000000000
			head -c 1152 "$out/launch/image" | tail -c 128
		} >"$2/launch"
		;;
	kernel_verity)
		# length, a block; descriptor of an image of one block and of one with three levels
		digest=${zeros:0:64}
		for f in 0010000000000000 0000004000000000; do
			hex "$f" 0300000000000000 01010e20 00000000 "$f" "$digest" "$zeros" "$digest" \
				"$zeros$zeros$zeros$zeros${zeros:0:32}" >"$2/length-$f"
		done
		;;
	log)
		cp "$doc/checkpoint" "$2/checkpoint"
		digest=$(hex "$zeros" | base64)
		{
			printf 'c2sp.org/tlog-proof@v1\nindex 0\n'
			for f in {1..60}; do
				echo "$digest"
			done
			echo
			cat "$doc/checkpoint"
		} >"$2/proof"
		printf '0/x001/234.p/5' >"$2/tile"
		;;
	netlink) netlink_seeds "$2" ;;
	client)
		printf '\002{"op":"run","payload":false,"tty":true,"rows":1,"cols":1}' >"$2/run"
		printf '\000{"op":"kill","id":"%032d","signal":9}' 0 >"$2/kill"
		printf '\000{"op":"signal","signal":15}' >"$2/signal"
		printf '%s = %s\n' provider '/p a' state_dir /s subid_base 65536 max_sessions 2 \
			>"$2/config"
		;;
	eventlog)
		sed -n 's/.*"eventLog": "\([^"]*\)".*/\1/p' $data | base64 -d >"$2/seed"
		;;
	request)
		printf 'POST\n/v1/a%%20b/things/x?dryRun=true\n{"t":"a","b":"AAAA","n":1}' >"$2/seed"
		;;
	conf)
		printf '%s = %s\n' listen '[::]:1' certificate /a key /b directory /c idle_timeout 1 \
			>"$2/seed"
		printf '%s = %s\n' token pkcs11:token=t database sqlite:/d log_name l attestation none \
			>"$2/seed2"
		;;
	state) cp $data "$2/seed" ;;
	policy)
		printf '{"version":1,"bank":"sha256","pcrs":{"0":["%064d"]},"moduleVersions":["1"],%s}' 0 \
			'"hostState":["lockdown"],"hardwareKeys":["tpm"],"eventLog":"optional","events":[[]]' \
			>"$2/seed"
		;;
	manifest) cp "$out/launch/manifest" "$2/launch" ;;
	ek) cp "$out/launch/ek" "$2/seed" ;;
	ak)
		# ECDSA on P-256, its point all zeros
		hex 0058 0023 000b 00050072 0000 0010 0018000b 0003 0010 0020 "$zeros" 0020 "$zeros" \
			>"$2/seed"
		;;
	quote)
		# no signer, no qualifying data, a clock of zeros, PCR 0; then an ECDSA signature
		hex 4f000000 ff544347 8018 0000 0000 "${zeros:0:34}" "${zeros:0:16}" \
			00000001 000b 03 010000 0020 "$zeros" \
			48000000 0018 000b 0020 "$zeros" 0020 "$zeros" >"$2/seed"
		;;
	esac
}

# attribute TYPE HEX: as netlink has them
attribute()
{
	local len=$((${#2} / 2 + 4))

	printf '%02x00%02x00%s%*s' "$len" "$1" "$2" $((-len & 3)) '' | sed 's/ /00/g'
}

# message TYPE FLAGS HEX: a datagram of one message, the length before it
message()
{
	local len=$((${#3} / 2 + 16))

	printf '%02x%02x' $((len & 255)) $((len >> 8))
	printf '%02x%02x0000%s%s0000000000000000%s' $((len & 255)) $((len >> 8)) "$1" "$2" "$3"
}

netlink_seeds()
{
	local zeros id key u32=01000000 u64=0100000000000000 session ack ev n

	zeros=$(printf '%064d' 0)
	id=$(attribute 1 "${zeros:0:32}")
	key=$(attribute 3 "$zeros")
	ack=$(message 0200 0000 "00000000${zeros:0:32}")
	hex 00 "$(message 1f00 0000 "01010000$id$(attribute 2 07000000)$key$(attribute 4 "$zeros")$(
		attribute 5 $u32)")" "$ack" >"$1/new"
	ev=$(attribute 12 "$(od -An -vtx1 "$out/launch/doc/evidence" | tr -d ' \n')")
	session=$id$(attribute 8 07000000)$(attribute 9 $u32)$key$(attribute 10 "$zeros")$ev
	session+=$(attribute 13 $u32)$(attribute 14 $u64)
	hex 01 "$(message 1f00 0000 "04010000$session")" "$ack" >"$1/get"
	hex 02 "$(message 1f00 0200 "04010000$session")" "$(message 0300 0200 00000000)" >"$1/dump"
	hex 03 "$(message 1f00 0000 "05010000$(attribute 1 312e3000)$(attribute 2 "$zeros")$(
		attribute 3 $u32)$(attribute 4 $u32)$(attribute 6 "$zeros")")" "$ack" >"$1/host"
	session=$(attribute 1 $u32)$(attribute 7 $u32)
	for n in 2 3 4 5 6; do
		session+=$(attribute $n $u64)
	done
	hex 04 "$(message 1f00 0000 "06010000$session")" "$ack" >"$1/stats"
	# a refusal with its text
	hex 05 "$(message 0200 0003 "eaffffff${zeros:0:32}$(attribute 1 6e6f00)")" >"$1/refused"
	hex 07 "$(message 1f00 0000 "07010000$id$(attribute 15 $u32)$(attribute 8 $u32)")" >"$1/event"
}
