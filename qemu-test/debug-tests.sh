#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# debug-tests.sh DIR TEST...: as guest-tests.sh, in a kernel that looks for faults: afterwards
# no memory may have leaked and lockdep must still be at work. What the kernel says on its
# console is the runner's business. The counts are written last.

set -u

leaks=/sys/kernel/debug/kmemleak
passed=0 failed=0 skipped=0

# verdict NAME COMMAND...: the command's status and output
verdict()
{
	local name=$1 out

	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok - $name"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
		head -n 100 <<<"$out" | sed 's/^/#   /'
	fi
}

# An object that is younger than 5 s is no leak yet, nor one seen lost by one scan only.
scan()
{
	local _

	echo scan >$leaks
	read -r -t 6 _ <>/tmp/.never
	echo scan >$leaks
}

# A cache whose entry in sysfs fails for want of memory loses the entry's name: the kernel's own
# bug, of which load_test must not be accused.
not_of_sysfs()
{
	awk '/^unreferenced object/ { if (!core) printf "%s", one; one = ""; core = 0 }
	     / sysfs_slab_add\+/ { core = 1 }
	     { one = one $0 "\n" }
	     END { if (!core) printf "%s", one }'
}

no_leak()
{
	local found

	scan
	found=$(not_of_sysfs <$leaks) || return
	[ -n "$found" ] || return 0
	echo "$found"
	return 1
}

lockdep_works()
{
	local value

	value=$(sed -n 's/^ *debug_locks: *//p' /proc/lockdep_stats)
	[ "$value" = 1 ] || { echo "debug_locks is ${value:-not there}"; return 1; }
}

# What programs wrote is below $GCOV_PREFIX; debugfs tells no sizes, so tar can't read it there, and
# in a kernel that is locked down nobody can.
hand_over()
{
	local f all=${GCOV_PREFIX:-/tmp/gcov}

	mkdir -p "$all"
	cd /sys/kernel/debug/gcov || return
	find . -name '*.gcda' | while read -r f; do
		{ : <"$f"; } 2>/dev/null || break
		mkdir -p "$all/${f%/*}" && cat "$f" >"$all/$f" || return
	done
	tar -C "$all" -czf "$EROT_COLLECT" .
}

# lockdown closes debugfs
seen()
{
	[ -e $leaks ] && { : <$leaks; } 2>/dev/null
}

mkfifo /tmp/.never
result=$EROT_RESULT
# what was lost at boot is not the module's
if seen; then
	scan
	echo clear >$leaks
fi

export EROT_RESULT=/tmp/.counts
guest-tests "$@"
status=$?
counts=(counts 0 1 0)		# of guest-tests, if it did not end as it should
[ ! -s $EROT_RESULT ] || read -r -a counts <$EROT_RESULT

if seen; then
	verdict "no memory has leaked" no_leak
elif [ -e $leaks ]; then
	skipped=1
	echo "ok - no memory has leaked # SKIP the kernel is locked down"
fi
if [ ! -e /proc/lockdep_stats ]; then
	:
elif [ $(($(cat /proc/sys/kernel/tainted) & 8)) -ne 0 ]; then	# TAINT_FORCED_RMMOD
	skipped=$((skipped + 1))
	echo "ok - lockdep is still at work # SKIP a forced unload makes the kernel switch it off"
else
	verdict "lockdep is still at work" lockdep_works
fi
if [ -d /sys/kernel/debug/gcov ] && [ -n "${EROT_COVERAGE:-}" ]; then
	verdict "coverage is handed over" hand_over
fi
echo "counts $((counts[1] + passed)) $((counts[2] + failed)) $((counts[3] + skipped))" >"$result"
[ $status -eq 0 ] && [ $failed -eq 0 ]
