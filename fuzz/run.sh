#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [TARGET...]: builds the libraries with sanitizers, then runs each
# target for FUZZ_SECONDS (30). What was found stays in build/fuzz/TARGET.found/,
# the inputs that reach new code in build/fuzz/corpus/TARGET/.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
build=build/fuzz
seconds=${FUZZ_SECONDS:-30}
sanitize=fuzzer-no-link,address,undefined
cflags="-g -O1 -Wno-error -U_FORTIFY_SOURCE -fno-sanitize-recover=undefined -fsanitize=$sanitize"
passed=0 failed=0

hex()
{
	python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex("".join(sys.argv[1:])))' "$@"
}

# what a target begins with, where it cannot guess it
seeds()
{
	local data=userspace/liberot/testdata/ovmf.json zeros

	zeros=$(printf '%064d' 0)
	case $1 in
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
	state)
		cp $data "$2/seed"
		;;
	policy)
		printf '{"version":1,"bank":"sha256","pcrs":{"0":["%064d"]},"moduleVersions":["1"],%s}' 0 \
			'"hostState":["lockdown"],"hardwareKeys":["tpm"],"eventLog":"optional","events":[[]]' \
			>"$2/seed"
		;;
	manifest)
		printf '{"process":{"args":["/a"]},"erot":{"codeHash":"sha256:%064d"}}' 0 >"$2/seed"
		;;
	ek)
		openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=seed \
			-addext extendedKeyUsage=2.23.133.8.1 -out "$2/seed" 2>/dev/null
		;;
	ak)
		# ECDSA on P-256, its point all zeros
		hex 0058 0023 000b 00050072 0000 0010 0018000b 0003 0010 0020 "$zeros" 0020 "$zeros" \
			>"$2/seed"
		;;
	cms)
		printf 'EROTv1\r\n\001\000\003\000p\000\000\000' >"$2/seed"
		;;
	quote)
		# no signer, no qualifying data, a clock of zeros, PCR 0; then an ECDSA signature
		hex 4f000000 ff544347 8018 0000 0000 "${zeros:0:34}" "${zeros:0:16}" \
			00000001 000b 03 010000 0020 "$zeros" \
			48000000 0018 000b 0020 "$zeros" 0020 "$zeros" >"$2/seed"
		;;
	esac
}

one()
{
	local found=$build/$1.found corpus=$build/corpus/$1 log=$build/$1.log

	mkdir -p "$found" "$corpus"
	seeds "$1" "$corpus"
	# shellcheck disable=SC2086,SC2046 # flags are words
	clang -std=gnu11 -Iuapi -Iuserspace -iquote . $cflags -fsanitize=fuzzer -o "$build/$1" \
		"fuzz/$1.c" "$build/liberot.a" "$build/libcommon.a" \
		$(pkg-config --cflags --libs libnl-genl-3.0 libcrypto jansson libcap tss2-mu) -lfsverity
	if TSS2_LOG=all+none "$build/$1" -max_total_time="$seconds" -max_len=16384 -timeout=20 \
		-rss_limit_mb=2048 -use_value_profile=1 -artifact_prefix="$found/" "$corpus" \
		>"$log" 2>&1; then
		echo "ok - $1: $(sed -n 's/^Done \([0-9]*\) runs.*/\1 inputs/p' "$log")"
		passed=$((passed + 1))
	else
		echo "not ok - $1: see $log"
		grep -E '^(==[0-9]*==ERROR|SUMMARY|.*runtime error|Test unit written)' "$log" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}

if [ $# -eq 0 ]; then
	for file in fuzz/*.c; do
		set -- "$@" "$(basename "$file" .c)"
	done
fi
make --no-print-directory -s BUILD=$build CC=clang CFLAGS="$cflags" $build/liberot.a $build/libcommon.a
for target; do
	one "$target"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
