#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots the guest, runs one command in it as root, streams its output, exits
# with its status. 124: no end within the limit. 125: the guest or the runner
# failed, or the kernel complained (see the log named in the message).
# A kernel that dies, or taints itself, before the module is loaded is booted once more.

set -euo pipefail

usage()
{
	cat <<-'END'
	usage: run.sh [options] COMMAND [ARGUMENT...]
	  -m MB            memory of the guest (1024)
	  --swap SIZE      a disk of that size is used as swap, as in 512M
	  --tpm            a TPM 2.0 (swtpm), new each time
	  --tpm-state DIR  the same, and what makes it that TPM is kept in DIR
	  --uefi           firmware (OVMF) that measures kernel, command line and initrd into the TPM
	  --net            a network card: 10.0.2.15/24 in the guest, this host is 10.0.2.2
	  --disk FILE      a read-only disk with the serial number "erot-data"
	  --shared FILE    memory that guest and host see at once (ivshmem-plain), as large as the file
	  --append STRING  more of a kernel command line; erot.open=1 is not implied
	  --timeout SEC    hard limit (600)
	  --name NAME      logs go to build/NAME.{console,kmsg} (guest)
	  --result FILE    what the command wrote to $EROT_RESULT
	  --steady         one processor, whose clock counts instructions: for a busy host
	  --faults         memory is made to run out: what the kernel says of that is no complaint
	  --strict         whatever the kernel warns of, once the guest is ready, is a complaint
	  --collect FILE   what it wrote to $EROT_COLLECT, any bytes
	  --image DIR      made by image.sh before; otherwise it is made anew
	  --qemu STRING    more options of QEMU, words
	END
	exit "$1"
}

die()
{
	echo "run: $*" >&2
	exit 125
}

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
arguments=("$@")
memory=1024 swap='' tpm='' tpm_state='' uefi='' net='' disk='' shared='' append='' limit=600 name=guest result='' image='' steady='' faults=''
strict=''
collect=/dev/null
extra=()
while [ $# -gt 0 ]; do
	case $1 in
	-m) memory=${2:?} && shift ;;
	--swap) swap=${2:?} && shift ;;
	--tpm) tpm=1 ;;
	--tpm-state) tpm=1 tpm_state=${2:?} && shift ;;
	--uefi) uefi=1 ;;
	--net) net=1 ;;
	--disk) disk=$(realpath "${2:?}") && shift ;;
	--shared) shared=$(realpath "${2:?}") && shift ;;
	--append) append=$2 && shift ;;
	--timeout) limit=${2:?} && shift ;;
	--name) name=${2:?} && shift ;;
	--result) result=${2:?} && shift ;;
	--steady) steady=1 ;;
	--faults) faults=1 ;;
	--strict) strict=1 ;;
	--collect) collect=${2:?} && shift ;;
	--image) image=${2:?} && shift ;;
	--qemu) read -ra extra <<<"${2:?}" && shift ;;
	-h | --help) usage 0 ;;
	--) shift && break ;;
	-*) usage 2 >&2 ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || usage 2 >&2

kver=${KVER:-$(find /usr/src -maxdepth 1 -name 'linux-headers-6.12*-cloud-amd64' -printf '%f\n' |
	sort -V | tail -n 1 | sed 's/^linux-headers-//')}
[ -n "$kver" ] || die "no linux-headers-6.12*-cloud-amd64; try: make deps"

mkdir -p "$build"
rm -f "$build/$name.complaints"		# there when the whole log could be read
[ -n "${EROT_BOOTED_BEFORE:-}" ] || rm -f "$build/$name.console.first"
children=()
keep_logs()
{
	local log

	for log in console kmsg; do
		if [ -e "$work/$log" ]; then
			cp "$work/$log" "$build/$name.$log"
		fi
	done
}

# shellcheck disable=SC2317 # called at the end
cleanup()
{
	local p

	for p in "${children[@]}"; do
		kill "$p" 2>/dev/null
	done
	wait
	keep_logs	# of a guest that was broken off
}
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin cleanup

kernel=$("$top/qemu-test/kernel.sh" "$kver") || exit 125
if [ -z "$image" ]; then
	image=$work
	TMPDIR=$work scratch_run "$top/qemu-test/image.sh" "$kver" "$image" || exit 125
fi

# /dev/kvm may be there and not work: only a kernel that starts is a proof
kvm_works()
{
	local pid fd verdict=no line

	[ -w /dev/kvm ] || return 1
	exec {fd}< <(exec timeout -k 1 15 qemu-system-x86_64 -accel kvm -cpu host -nodefaults \
		-display none -m 256 -no-reboot -serial stdio -kernel "$kernel/vmlinuz" \
		-append "console=ttyS0 panic=-1" </dev/null 2>&1)
	pid=$!
	children=("$pid")
	while read -r -t 15 -u "$fd" line; do
		case $line in
		*"Linux version"*) verdict=yes && break ;;
		*"internal error"* | *failed*) break ;;
		esac
	done
	kill "$pid" 2>/dev/null || :
	children=()
	exec {fd}<&-
	[ $verdict = yes ]
}

# where every tick of the clock costs more than the time between two, nothing else would run
if [ -n "$steady" ]; then
	accel=(-accel "tcg,thread=single" -icount "shift=1,sleep=on" -cpu max -smp 1)
elif kvm_works; then
	accel=(-accel kvm -cpu host -smp 2)
else
	accel=(-accel "tcg,thread=multi" -cpu max -smp 2)
fi

# the command travels on a disk, whole sectors, so that the measured initrd does not depend on it
printf '%q ' "$@" >"$work/command"
printf '\n%*s' $((511 - $(stat -c %s "$work/command") % 512)) '' >>"$work/command"
[ -e "$image/initrd" ] || die "$image holds no image"

busy=''

# State that is kept is made once, and has one user at a time.
tpm_begin()
{
	local dir=${tpm_state:-$work/kept}

	mkdir -p "$dir" "$work/new"
	dir=$(realpath "$dir")
	exec {busy}>"$dir/.in-use"
	flock -n "$busy" || die "$dir is in use"
	"$top/qemu-test/tpm.sh" "$dir" "$work/new" || exit 125
	# it goes into the background once its socket is there
	swtpm socket --tpm2 --tpmstate "dir=$dir" --terminate --daemon \
		--pid "file=$work/swtpm.pid" --ctrl "type=unixio,path=$work/tpm.sock" \
		{scratch_lock}>&- {busy}>&- >>"$work/swtpm.log" 2>&1 ||
		die "swtpm: $(tail -n 1 "$work/swtpm.log")"
}

devices=(-drive "file=$image/root.img,format=raw,if=none,id=root,cache=unsafe,snapshot=on"
	-device "virtio-blk-pci,drive=root,serial=erot-root"
	-drive "file=$work/command,format=raw,if=none,id=command,readonly=on"
	-device "virtio-blk-pci,drive=command,serial=erot-command")
if [ -n "$swap" ]; then
	truncate -s "$swap" "$work/swap"
	devices+=(-drive "file=$work/swap,format=raw,if=none,id=swap,cache=unsafe"
		-device "virtio-blk-pci,drive=swap,serial=erot-swap")
fi
if [ -n "$disk" ]; then
	devices+=(-drive "file=$disk,format=raw,if=none,id=data,readonly=on"
		-device "virtio-blk-pci,drive=data,serial=erot-data")
fi
if [ -n "$shared" ]; then
	devices+=(-object "memory-backend-file,id=shared,share=on,mem-path=$shared,size=$(stat -c %s "$shared")"
		-device "ivshmem-plain,memdev=shared")
fi
if [ -n "$tpm" ]; then
	tpm_begin
	devices+=(-chardev "socket,id=tpm,path=$work/tpm.sock"
		-tpmdev "emulator,id=tpm0,chardev=tpm" -device "tpm-crb,tpmdev=tpm0")
fi

if [ -n "$uefi" ]; then
	# its variables are measured: each guest begins with those of the package
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd" || die "no OVMF; try: make deps"
	devices+=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
		-drive "if=pflash,format=raw,unit=1,file=$work/vars.fd")
fi

if [ -n "$net" ]; then
	append+=" erot_net"
	devices+=(-netdev "user,id=net" -device "virtio-net-pci,netdev=net,romfile=")
fi

port()
{
	devices+=(-device "virtserialport,chardev=$1,name=erot.$1")
}

devices+=(-device virtio-serial-pci
	-chardev "file,id=output,path=$work/output" -chardev "file,id=result,path=$work/result"
	-chardev "file,id=kmsg,path=$work/kmsg" -chardev "file,id=collect,path=$collect")
port output
port result
port kmsg
port collect

# limits of the kernel's own watchdogs are for real processors
cmdline="console=ttyS0 loglevel=5 panic=-1 oops=panic log_buf_len=8M init_on_free=1"
cmdline+=" rcupdate.rcu_cpu_stall_timeout=300 watchdog_thresh=60 printk.devkmsg=on random.trust_cpu=on"
# the kernel gives up where ten ticks do not come in time, as they do not on a busy host
cmdline+=" no_timer_check"

# a pipe, since QEMU would truncate a file
mkfifo "$work/output"
cat <"$work/output" &
reader=$!
# they end with this script, whatever ends it; what snapshot=on writes is in $work too
TMPDIR=$work setpriv --pdeathsig TERM timeout -k 5 "$limit" setpriv --pdeathsig KILL \
	qemu-system-x86_64 "${accel[@]}" -m "$memory" -nodefaults -display none -no-reboot \
	-kernel "$kernel/vmlinuz" -initrd "$image/initrd" -append "$cmdline $append" \
	-serial "file:$work/console" -serial "file:$work/status" \
	"${devices[@]}" -device virtio-rng-pci "${extra[@]}" </dev/null >"$work/qemu.log" 2>&1 &
qemu=$!
children=("$qemu" "$reader")
ended=0
wait "$qemu" || ended=$?
if [ -e "$work/console" ]; then
	children=()
	wait "$reader" || :
fi

keep_logs
if [ -n "$result" ]; then
	cp "$work/result" "$result" 2>/dev/null || : >"$result"
fi
if [ "$ended" -eq 124 ] || [ "$ended" -eq 137 ]; then
	echo "run: no end within $limit s; last lines of build/$name.console:" >&2
	tail -n 5 "$build/$name.console" >&2
	exit 124
fi
[ "$ended" -eq 0 ] || die "QEMU ended with $ended: $(tail -n 1 "$work/qemu.log")"

# Standard input without the titles of KCSAN's reports in which nothing of ours has a part: the
# kernel has races of its own, and tells of them at random.
of_kcsan()
{
	awk '/BUG: KCSAN:/ { title = $0 "\n"; ours = 0 }
	     title == "" { print; next }
	     { if ($0 "\n" != title) rest = rest $0 "\n" }
	     /\[(erot|planted)\]/ { ours = 1 }
	     /=====/ { printf "%s%s", ours ? title : "", rest; title = rest = "" }
	     END { printf "%s%s", title, rest }'
}

# all of a log, but with --faults what follows from ENOMEM, 12
said()
{
	if [ -n "$faults" ]; then
		awk '/__kmem_cache_create_args.*failed with error/ { core = 1 }
		     !core && !/[( :]-12([^0-9]|$)/ && !/workqueue: Failed to allocate a rescuer/
		     /<\/TASK>/ { core = 0 }' "$1"
	else
		cat "$1"
	fi
}

# the out-of-memory killer's report holds a trace, and is what some tests are after;
# that the module is not Debian's is said at every load
complaints()
{
	said "$build/$name.console" | of_kcsan | awk '/invoked oom-killer/ { oom = 1 }
	     !oom && /BUG:|BUG [a-z_0-9-]+ \(|Oops|WARNING:|KASAN|KCSAN|UBSAN|kmemleak:|Call Trace|Kernel panic|kernel BUG|general protection/
	     /INFO: (task .* blocked|rcu_.* detected|lockdep is turned off|trying to register non-static key)/
	     /Killed process|oom_reaper|Out of memory and no killable/ { oom = 0 }'
	if [ -e "$work/kmsg" ]; then
		said "$work/kmsg" | awk -v strict="$strict" '
		/invoked oom-killer/ { oom = 1 }
		match($0, /^<[0-9]+>/) {
			level = substr($0, 2, RLENGTH - 2) % 8
			# a payload file was altered; no processor of the host was free for a while
			warns = strict && ready && !oom && !/Killed process/ &&
				!/erofs:? \(device [^)]*\): / &&
				!/(clocksource: |TSC found unstable|hrtimer: interrupt took)/
			# a frame of ours in the report of the killer is no complaint
			ours = oom ? /\] erot: / : /erot/
			if (level <= 4 && (ours || warns) &&
			    !/loading out-of-tree module taints kernel/ &&
			    !/module verification failed: signature and\/or required key missing/)
				print
		}
		/Killed process|oom_reaper|Out of memory and no killable/ { oom = 0 }
		/guest: ready/ { ready = 1 }'
	fi
}

# What a kernel does before there is any code of ours says nothing of it. While it patches its own
# code, an emulated processor may run into an int3 that another one has taken back already ("Oops:
# int3"), and it patches most of all while it starts.
boot_again()
{
	local first=$build/$name.console.first

	mv "$build/$name.console" "$first"
	echo "run: the kernel failed before the module was loaded, once more ($first):" \
		"${1:-$(tail -n 1 "$first")}" >&2
	[ -z "$busy" ] || exec {busy}>&-
	EROT_BOOTED_BEFORE=1 scratch_exec "$top/qemu-test/run.sh" "${arguments[@]}"
}

# firmware has its say on this line, too
status=$(sed -n 's/.*status \([0-9][0-9]*\).*/\1/p' "$work/status")
if [ -z "$status" ]; then
	if [ -z "${EROT_BOOTED_BEFORE:-}" ] && ! grep -q begun "$work/status"; then
		boot_again "$(complaints | head -n 1)"
	fi
	echo "run: the guest did not finish; last lines of build/$name.console:" >&2
	complaints >&2
	tail -n 5 "$build/$name.console" >&2
	exit 125
fi
grep -q '^<6>end of log' "$work/kmsg" || die "the guest's kernel log is not complete"
complaints >"$build/$name.complaints"
if [ -s "$build/$name.complaints" ]; then
	echo "run: the kernel complained (build/$name.console, build/$name.kmsg):" >&2
	head -n 20 "$build/$name.complaints" >&2
	[ "$status" -ne 0 ] || status=125
fi
exit "$status"
