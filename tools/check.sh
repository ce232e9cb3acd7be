#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every static check of this project, one function each, named once, below. With names as
# arguments only those are run. A check prints what it found; its status is
# its verdict.

set -u
cd "$(dirname "$0")/.." || exit 1

CHECKS=(
	module_cloud module_generic userspace_build lint_c lint_shell spelling documents licences layers_kernel
	layers_userspace linked_libraries versions style secrets nothing_revealed netlink_generated
	deps_named errnos_documented
)

out=$(mktemp)
trap 'rm -f "$out"' EXIT

sources()
{
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do
		[ -f "$f" ] && echo "$f"
	done
}

c_files()
{
	sources '*.c' '*.h'
}

# last of a pipe: fails, showing it, when a search has found something
none()
{
	! grep .
}

# headers FLAVOUR: newest installed of just that flavour
headers()
{
	find /usr/src -maxdepth 1 -regex ".*/linux-headers-6\.12[^-]*-$1" | sort -V | tail -n 1
}

# module_for KDIR: from nothing, W=1 and sparse, no warning of any kind
module_for()
{
	local dir=build/check-${1##*/linux-headers-} files

	[ -n "$1" ] || { echo "headers not installed"; return 1; }
	rm -rf "$dir"
	mkdir -p "$dir"
	mapfile -t files < <(sources Kbuild 'kernel/*.c' 'kernel/*.h' 'uapi/linux/*.h')
	cp -p --parents "${files[@]}" "$dir"
	timeout 600 make -C "$1" M="$PWD/$dir" -j"$(nproc)" W=1 C=1 CF="-Wbitwise" modules >"$dir/log" 2>&1 || {
		tail -n 20 "$dir/log"
		return 1
	}
	grep -vE '^  [A-Z]+ |^make|Skipping BTF' "$dir/log" | none
}

module_cloud()
{
	module_for "$(headers cloud-amd64)"
}

module_generic()
{
	module_for "$(headers amd64)"
}

userspace_build()
{
	# the commands are printed too, and name files such as error.c
	make -j"$(nproc)" userspace tests 2>&1 | grep -E '(warning|error):|\*\*\*' | none
}

lint_c()
{
	# what the compiler knows better, or what is a matter of taste, is left out
	cppcheck --quiet --std=c11 --language=c --enable=warning,portability --inline-suppr \
		--suppress=missingInclude --suppress=unknownMacro --suppress=nullPointerRedundantCheck \
		--suppress=preprocessorErrorDirective --suppress=normalCheckLevelMaxBranches \
		--error-exitcode=1 -j "$(nproc)" -Iuapi -Iuserspace userspace tools bench qemu-test/memory-scan.c 2>&1
}

lint_shell()
{
	local f files=()

	while read -r f; do
		# what has no such line is sourced, and read with the one that sources it
		if head -n 1 "$f" | grep -qE '^#!(/usr)?/bin/(env )?(ba)?sh\b'; then
			files+=("$f")
		fi
	done < <(sources 'qemu-test/*' 'tools/*' 'fuzz/*.sh' 'selftests/*.sh' 'bench/*.sh' \
		'userspace/erotd/initramfs/*' .ci/run)
	shellcheck -x -P SCRIPTDIR -P selftests "${files[@]}"
}

spelling()
{
	sources | grep -v '^LICENSES/' | xargs codespell --ignore-words-list=inout,creat,padd,iput,inflight,ba,te,nd
}

# every page of Documentation/ is well-formed, from its first heading to its last table
documents()
{
	local f

	while read -r f; do
		rst2html --report=2 "$f" 2>&1 >/dev/null
	done < <(sources 'Documentation/*.rst') | none
}

licences()
{
	sources '*.[ch]' '*.sh' '*.py' '*.yaml' Makefile Kbuild '.ci/run' 'qemu-test/*' 'selftests/*' |
		while read -r f; do
			head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' || [[ $f == selftests/config ||
				$f == *.md ]] || echo "$f: no SPDX line"
		done | none
}

# includes FILES REGEX: quoted or angled includes that match
includes()
{
	grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[<\"]$1" "${@:2}" /dev/null
}

# limits, hpke, receipt, ewc know nothing of sessions
layers_kernel()
{
	local n files=()

	for n in limits secret crypto hpke receipt ewc verity super evidence kat; do
		mapfile -t -O ${#files[@]} files < <(compgen -G "kernel/$n.[ch]")
	done
	includes '(session|netlink[a-z_]*|payload|sandbox|image|isolation|ioctl|cutoff|host|power)\.h' \
		"${files[@]}" | none
}

# common <- liberot <- erotd, dergd, tools; no tool knows another
layers_userspace()
{
	local t

	{
		includes 'tools/' userspace/*/*.[ch]
		for t in ewc erotctl dergctl; do
			includes 'tools/' "tools/$t"/*.[ch] | grep -v "\"tools/$t/"
		done
		includes '(liberot|dergd|erotd)/' userspace/common/*.[ch]
		includes '(dergd|erotd)/' userspace/liberot/*.[ch]
		includes 'erotd/' userspace/dergd/*.[ch]
		includes 'dergd/' userspace/erotd/*.[ch]
		includes '(dergd|erotd)/' tools/{ewc,erotctl}/*.[ch]
		includes '(linux/erot(_ioctl)?\.h|netlink/)' userspace/{common,dergd}/*.[ch] tools/*/*.[ch]
		includes 'netlink/' userspace/erotd/*.[ch]
		includes 'p11-kit/' userspace/{common,liberot,erotd}/*.[ch] tools/*/*.[ch]
		grep -niE 'pkcs11\.h|C_GetFunctionList' userspace/{common,liberot,erotd}/*.[ch] tools/*/*.[ch]
	} 2>/dev/null | none
}

# the same, asked of what was built
linked_libraries()
{
	local p bad=0

	for p in erotd erotctl ewc dergctl dergd erot-hsm; do
		[ -x "build/$p" ] || { echo "build/$p is not built"; bad=1; continue; }
		case $p in
		dergctl | dergd | erot-hsm)
			ldd "build/$p" | grep libnl && echo "$p links libnl" && bad=1
			nm "build/$p" | grep -E ' U (nl_|genl)' && bad=1
			;;
		esac
		case $p in
		erotd | erotctl | ewc | dergctl | dergd)
			# itself: libraries of others (GnuTLS) have it for uses that are not ours
			readelf -d "build/$p" | grep NEEDED | grep -iE 'p11|softhsm' && echo "$p links PKCS#11" && bad=1
			nm "build/$p" | grep -E 'C_GetFunctionList|p11_' && bad=1
			;;
		esac
	done
	return $bad
}

versions()
{
	c_files | grep '^kernel/' | grep -v '^kernel/compat.h$' |
		xargs grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION' | none
}

style()
{
	local files generated='netlink_gen|^uapi/linux/erot.h$'

	mapfile -t files < <(c_files | grep -vE "$generated")
	{
		sources | grep -vE '^LICENSES/|\.(json|bin)$' | xargs grep -nHIE '[[:blank:]]+$' | sed 's/$/  <- trailing blank/'
		grep -nHE '^ +[^ *]' "${files[@]}" | sed 's/$/  <- indented by spaces/'
		awk '{ line = $0; while (match(line, /\t/)) {
				n = 8 - (RSTART - 1) % 8
				line = substr(line, 1, RSTART - 1) sprintf("%*s", n, "") substr(line, RSTART + 1)
			}
			if (length(line) > 100) print FILENAME ":" FNR ": longer than 100 columns" }' \
			"${files[@]}"
		awk 'FNR > 1 || !/SPDX/ { line = $0; gsub(/"([^"\\]|\\.)*"/, "", line)
			if (line ~ /(^|[^:])\/\// && line !~ /^[[:space:]]*\/?\*/ && line !~ /\/\*.*\/\//)
				print FILENAME ":" FNR ": C++ comment" }' "${files[@]}"
		sources '*.[ch]' '*.sh' Makefile Kbuild 'qemu-test/*' |
			grep -v '^tools/check.sh$' | xargs grep -nHE '\b(TODO|FIXME|XXX)\b'
		grep -nHE '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|system|popen|sleep|usleep)[[:space:]]*\(' \
			"${files[@]}" | grep -vE ':[[:space:]]*/?\*'
	} | none
}

# keys are made when tests run
secrets()
{
	sources | grep -v '^tools/check.sh$' | xargs grep -lE 'BEGIN ([A-Z]+ )?PRIVATE KEY' | none
}

# what tells the secrets for tests (qemu-test/reveal) is no part of what is shipped: not of the
# module as it was built, nor of its sources, nor of what make builds or installs
nothing_revealed()
{
	local ko modules

	mapfile -t modules < <(compgen -G 'build/check-*/erot.ko'; compgen -G 'build/module-*/erot.ko')
	[ ${#modules[@]} -gt 0 ] || { echo "no module was built"; return 1; }
	for ko in "${modules[@]}"; do
		nm "$ko" | grep -iE 'reveal|kprobe'
		strings "$ko" | grep -iE 'reveal|tell_all'	# of kprobes its debug information speaks
	done | none || return 1
	grep -rniE 'reveal|kprobe' Kbuild kernel uapi | none || return 1
	make -n all | grep -i reveal | none || return 1
	make -n install DESTDIR=/nowhere | grep -i reveal | none
}

netlink_generated()
{
	local ynl=${YNL_GEN:-} tree mode type file bad=0

	if [ -z "$ynl" ]; then
		ynl=$(find "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/erot" -maxdepth 6 \
			-path '*/debug-*/ynl/tools/net/ynl/ynl-gen-c.py' 2>/dev/null | head -n 1)
	fi
	if [ ! -e "$ynl" ]; then
		echo "skipped: needs a debug kernel (make check-kunit), or in YNL_GEN the" \
			"tools/net/ynl/ynl-gen-c.py of a kernel source"
		return 0
	fi
	# it looks for its schemas beside the specification
	tree=$(mktemp -d)
	mkdir -p "$tree/Documentation/netlink"
	cp -r Documentation/netlink/specs "$tree/Documentation/netlink/"
	touch "$tree/MAINTAINERS"		# by which it knows a kernel source
	cp "${ynl%/tools/net/*}"/Documentation/netlink/*.yaml "$tree/Documentation/netlink/"
	while read -r mode type file; do
		timeout 60 python3 "$ynl" --spec "$tree/Documentation/netlink/specs/erot.yaml" \
			--mode "$mode" "$type" -o "$tree/${file##*/}" </dev/null || bad=1
		if ! diff -u "$file" "$tree/${file##*/}"; then
			echo "$file differs from the specification"
			bad=1
		fi
	done <<-END
		uapi --header uapi/linux/erot.h
		kernel --header kernel/netlink_gen.h
		kernel --source kernel/netlink_gen.c
	END
	rm -rf "$tree"
	return $bad
}

# one list of packages, and the README names it
deps_named()
{
	grep -q 'tools/deps.txt' README.md || { echo "README.md does not name tools/deps.txt"; return 1; }
}

# what the module returns, but for what it translates before it does
errnos_documented()
{
	local inside=" ENOPKG EKEYREVOKED ESTALE " e

	for e in $(sources 'kernel/*.c' | grep -v _test.c | xargs grep -ohE -- '-E[A-Z]{3,}\b' |
		sort -u | tr -d -); do
		[[ $inside == *" $e "* ]] || grep -qw "$e" Documentation/uapi.rst ||
			echo "$e: not in Documentation/uapi.rst"
	done | none && [ "$(sources 'kernel/*.c' | wc -l)" -gt 20 ]
}

failed=0
[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for check in "$@"; do
	[[ " ${CHECKS[*]} " == *" $check "* ]] || { echo "check: no such check: $check" >&2; exit 2; }
	if "$check" >"$out" 2>&1; then
		echo "ok   $check$(sed -n 's/^skipped/ (skipped/p' "$out" | head -n 1 | sed 's/$/)/')"
	else
		echo "FAIL $check"
		head -n 40 "$out" | sed 's/^/     /'
		failed=$((failed + 1))
	fi
done
[ $failed -eq 0 ] || echo "$failed checks failed"
[ $failed -eq 0 ]
