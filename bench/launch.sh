#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2154
#
# From the command to the first instruction of a small static workload, and to the end of the
# command; next to others who start the same files in plaintext. The bundle gives runc and crun what
# erotd gives: namespaces, ids, limits, a minimal /dev, masked parts of /proc.

. "$(dirname "$0")/lib.sh"

bench_erotd
cp -r /world/launch/root root
root=$work/root
mkdir bundle
cat >bundle/config.json <<END
{"ociVersion": "1.0.0",
 "process": {"terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/bin/first"], "cwd": "/",
  "env": ["PATH=/bin"], "capabilities": {}, "noNewPrivileges": true,
  "rlimits": [{"type": "RLIMIT_CORE", "hard": 1, "soft": 1}]},
 "root": {"path": "$root", "readonly": true}, "hostname": "inside",
 "mounts": [
  {"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
   "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
  {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
   "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
  {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
   "options": ["nosuid", "noexec", "nodev", "mode=1777"]},
  {"destination": "/tmp", "type": "tmpfs", "source": "tmp",
   "options": ["nosuid", "noexec", "nodev", "mode=1777"]},
  {"destination": "/run", "type": "tmpfs", "source": "run",
   "options": ["nosuid", "noexec", "nodev", "mode=755"]}],
 "linux": {
  "uidMappings": [{"containerID": 0, "hostID": 1000000, "size": 65536}],
  "gidMappings": [{"containerID": 0, "hostID": 1000000, "size": 65536}],
  "resources": {"memory": {"limit": 67108864, "swap": 67108864}, "pids": {"limit": 128}},
  "namespaces": [{"type": "user"}, {"type": "pid"}, {"type": "network"}, {"type": "ipc"},
   {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}],
  "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug",
   "/proc/latency_stats"],
  "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}
END

cat >ways <<END
fork+exec $root/bin/first
namespaces @$root/bin/first
unshare $(command -v unshare) -Urpfmniu -C --root=$root /bin/first
bubblewrap $(command -v bwrap) --unshare-all --hostname inside --ro-bind $root / --proc /proc --dev /dev --tmpfs /tmp --tmpfs /run --cap-drop ALL --new-session --die-with-parent /bin/first
crun $(command -v crun) run --bundle $work/bundle c%r
runc $(command -v runc) run --bundle $work/bundle r%r
erot $(command -v erotctl) run -v --socket $work/erotd.sock --payload /world/launch/payload /world/launch/%r.ewc /world/launch/%r.receipt
END
/bench/launch launch "$rounds" ways >&3
