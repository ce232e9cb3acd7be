#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a workload can do and see inside: workload/probe.c tries, this compares.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

mkdir -p root/bin root/data
cp "$lib_dir/workload/probe" root/bin/probe
cp root/bin/probe root/bin/unreadable
chmod 111 root/bin/unreadable
cat >root/data/show <<-'END'
	echo == status
	while read -r name value; do
		case $name in
		Cap* | NoNewPrivs: | Seccomp*) echo "${name%:} $value" ;;
		esac
	done </proc/self/status
	echo == mounts
	cat /proc/self/mounts
	echo == dev
	ls /dev
	echo == pts
	ls /dev/pts /dev/shm | grep -v '^/\|^$'
	echo == sys
	ls -A /sys
	echo == masked
	for name in kcore keys key-users timer_list kallsyms modules; do
		dd if=/proc/$name bs=16 count=1 2>/dev/null
	done
	echo == cgroup
	cat /proc/self/cgroup
	echo == fds
	ls /proc/self/fd
	echo == dumpable
	/bin/unreadable dumpable
	echo == end
END
world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end

# inside NAME COMMAND: what the shell in the sandbox says to it, in NAME.out
inside()
{
	authorise "$1" "[\"/bin/sh\", \"-c\", \"$2\"]" >auth.log 2>&1 || cat auth.log
	launch "$1" >"$1.out" 2>"$1.err" </dev/null
}

inside probe "/bin/probe; echo END"
same "the probe came to its end" END "$(tail -n 1 probe.out)"

# tried NAME RESULT...: what the probe got
tried()
{
	local name=$1

	shift
	same "$name: $*" "$*" "$(sed -n "s/^$name //p" probe.out)"
}

for call in acct add_key bpf chroot clock_settime delete_module fanotify_init finit_module \
	fsconfig fsmount fsopen init_module io_uring_enter io_uring_register io_uring_setup kcmp \
	kexec_file_load kexec_load keyctl memfd_secret mount mount_setattr move_mount \
	name_to_handle_at open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root \
	process_madvise process_mrelease process_vm_readv process_vm_writev ptrace request_key \
	sethostname setns swapon syslog umount2 unshare userfaultfd; do
	tried $call EPERM
done
for call in clone3 modify_ldt move_pages; do
	tried $call ENOSYS
done
tried clone ok
for ns in user mnt pid net ipc uts cgroup; do
	tried clone-$ns EPERM
done
for name in dumpable dumpable-high ptracer ksm-process ksm-pages huge-map huge-memfd huge-shm \
	core-setrlimit core-prlimit; do
	tried $name EPERM
done
tried madvise ok
tried memfd ok
tried core-read ok
tried core 1 1
for family in unix inet inet6 netlink; do
	tried socket-$family ok
done
for family in packet alg vsock bluetooth; do
	tried socket-$family EAFNOSUPPORT
done
tried socket-x25 ENOSYS
tried socket-raw EPERM
for name in tiocsti tiocsti-high tioclinux personality mknod; do
	tried $name EPERM
done
tried personality-read ok
for name in write-sys write-sysrq open-kmsg; do
	tried $name EACCES
done
tried write-root EROFS
tried write-tmp ok
tried map-exec-tmp EPERM
tried exec-tmp EACCES
tried call-32bit signal 31
tried call-x32 signal 31

# a program that is not of the payload
authorise memfd '["/bin/probe", "exec-memfd"]' >auth.log 2>&1
launch memfd >memfd.out 2>&1 </dev/null
same "a program from memory is killed" 137 $?
matches "by the exec gate" 'the session ended: exec-gate' "$(cat memfd.out)"

# what there is to see, and what a process of the workload has
inside seen ". /data/show"
# part NAME: the lines between NAME and the next part
part()
{
	sed -n "/^== $1\$/,/^== /{/^==/!p}" seen.out
}
same "the script came to its end" "== end" "$(tail -n 1 seen.out)"
same "no capability, no_new_privs, two filters" \
	"$(printf '%s 0000000000000000\n' CapInh CapPrm CapEff CapBnd CapAmb;
	   printf '%s\n' 'NoNewPrivs 1' 'Seccomp 2' 'Seccomp_filters 2')" "$(part status)"
same "the root: read-only, nosuid, nodev" "ro nosuid nodev" \
	"$(part mounts | awk '$2 == "/" { print $4 }' | tr , '\n' |
	   grep -xE 'ro|nosuid|nodev' | xargs)"
same "everything else is noexec" "" "$(part mounts | awk '$2 != "/" && $4 !~ /noexec/')"
same "everything is nosuid" "" "$(part mounts | awk '$4 !~ /nosuid/')"
same "what is mounted" "/ /dev /dev/full /dev/null /dev/pts /dev/random /dev/shm /dev/tty \
/dev/urandom /dev/zero /proc /run /tmp" \
	"$(part mounts | awk '$2 !~ /^.proc./ { print $2 }' | sort | xargs)"
same "settings in proc are read-only" "ro" \
	"$(part mounts | awk '$2 == "/proc/sys" { print $4 }' | tr , '\n' | grep -xE 'ro|rw' | xargs)"
same "what is hidden in proc is empty" "" "$(part masked)"
same "devices" "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero" \
	"$(part dev | xargs)"
same "its own terminals only" ptmx "$(part pts | xargs)"
same "no /sys" "" "$(part sys)"
same "its cgroup is the root" 0::/ "$(part cgroup)"
same "descriptors: stdio, and that of ls" "0 1 2 3" "$(part fds | xargs)"

same "what cannot be read cannot be dumped" "not dumpable" "$(part dumpable)"

sed -i 's/"process": *{/"process": {"capabilities": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"], '\
'"user": {"uid": 1000, "gid": 100}, /' app.manifest
inside seen "id -u; id -g; . /data/show"
same "user and group of the manifest" "1000 100" "$(head -n 2 seen.out | xargs)"
same "exactly the manifest's capabilities" \
	"$(printf '%s 0000000000000401\n' CapInh CapPrm CapEff CapBnd CapAmb)" \
	"$(part status | grep Cap)"
clean "after all of them"
finish
