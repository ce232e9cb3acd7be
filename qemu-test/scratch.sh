# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced: a temporary directory, $work, that does not outlive its script, nor
# does what was started in it. A signal that can be caught ends in
# scratch_end(). After SIGKILL, what stays is removed when the next one starts:
# the directory is in use as long as somebody holds its lock, and those are the
# script and all that it starts, unless it closes $scratch_lock for them.

work=''
scratch_lock=''
scratch_child=''
scratch_aside=''	# another one, started by the script itself

# swtpm goes into the background and holds no lock, so it is found by its file
scratch_remove()
{
	local pid

	if pid=$(cat "$1/swtpm.pid" 2>/dev/null) &&
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/tpm.sock"; then
		kill "$pid" 2>/dev/null
		timeout 5 tail --pid="$pid" -f /dev/null
	fi
	rm -rf "$1"
}

# one that has just been made may not be locked yet, hence the minute
scratch_sweep()
{
	local dir fd

	while read -r -d '' dir; do
		exec {fd}<>"$dir/lock" || continue
		if flock -n "$fd"; then
			scratch_remove "$dir"
		fi
		exec {fd}>&-
	done < <(find "$1" -maxdepth 1 -type d -user "$(id -u)" -name 'erot-guest.*' -mmin +1 \
		-exec test -e '{}/lock' ';' -print0 2>/dev/null)
}

# scratch_begin CLEANUP: sets $work; the function CLEANUP is called at the end
scratch_begin()
{
	local tmp=${TMPDIR:-/tmp}

	scratch_sweep "$tmp"
	scratch_cleanup=$1
	work=$(mktemp -d "$tmp/erot-guest.XXXXXX") || exit 125
	trap scratch_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	exec {scratch_lock}>"$work/lock"
	flock "$scratch_lock"
}

# shellcheck disable=SC2317 # called by the trap
scratch_end()
{
	local child

	# a second signal must not cut this short, nor may what fails here
	trap '' HUP INT TERM
	set +e
	for child in $scratch_child $scratch_aside; do
		kill "$child" 2>/dev/null
		wait "$child"
	done
	"$scratch_cleanup"
	scratch_remove "$work"
}

# scratch_exec COMMAND...: as scratch_end(), then COMMAND instead of this script; whoever wanted an end
# meanwhile gets it
scratch_exec()
{
	local stopped=''

	trap - EXIT
	trap 'stopped=129' HUP
	trap 'stopped=130' INT
	trap 'stopped=143' TERM
	"$scratch_cleanup"
	scratch_remove "$work"
	trap - HUP INT TERM
	[ -z "$stopped" ] || exit "$stopped"
	exec {scratch_lock}>&-
	exec "$@"
}

# scratch_run COMMAND...: in the foreground, yet a signal is not kept waiting for its end
scratch_run()
{
	local status=0

	"$@" &
	scratch_child=$!
	wait "$scratch_child" || status=$?
	scratch_child=''
	return $status
}
