#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# erotctl run stands for the workload: terminal, signals, standard streams,
# exit status.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end

# begin NAME ARGS-JSON: authorise, then run with stdin NAME.in and stdout NAME.out until it said
# "ready"; $client is its pid
begin()
{
	authorise "$1" "$2" >auth.log 2>&1 || cat auth.log
	erotctl run --socket "$work/erotd.sock" --payload app.payload "$1.ewc" "$1.receipt" \
		<"${3:-/dev/null}" >"$1.out" 2>"$1.err" &
	client=$!
	until_true 60 grep -q ready "$1.out"
}

# told FILE REGEX: it comes, sooner or later
told()
{
	until_true 60 grep -qE -- "$2" "$1"
}

# signals, without a terminal
begin signals '["/bin/work", "hear-signals"]'
same "a workload that hears signals" 0 $?
matches "it has no terminal" '^tty 000 ' "$(cat signals.out)"
for sig in HUP INT QUIT TERM USR1; do
	kill "-$sig" "$client"
	told signals.out "^signal $(kill -l "$sig")\$"
	same "SIG$sig is passed on" 0 $?
done
kill -USR2 "$client"
wait "$client"
same "and its exit status comes back" 12 $?

authorise segv '["/bin/work", "segv"]' >auth.log 2>&1
launch segv >segv.out 2>&1 </dev/null
same "killed by signal 11: 139" 139 $?

# standard streams
authorise streams '["/bin/sh", "-c", "cat; echo to stderr >&2"]' >auth.log 2>&1
printf 'one\ntwo' | launch streams >streams.out 2>streams.err
same "stdin up to its end, stdout" $'one\ntwo' "$(cat streams.out)"
same "stderr" "to stderr" "$(cat streams.err)"

authorise epipe '["/bin/work", "chatter"]' >auth.log 2>&1
mkfifo pipe
launch epipe >pipe 2>epipe.err </dev/null &
client=$!
head -c 2 pipe >/dev/null
wait "$client"
same "stdout closed by its reader: EPIPE" 45 $?

# a terminal: script(1) makes one, its input comes from a fifo
cat >on-a-tty <<-'END'
	tty >tty.name
	stty rows 40 cols 100
	erotctl run "$@" --socket erotd.sock --payload app.payload tty.ewc tty.receipt |
		if [ -e reader ]; then head -c 2; else cat; fi
	status=${PIPESTATUS[0]}
	stty -a | grep -q ' icanon' && echo put back
	exit $status
END

# on_tty ARGS-JSON [OPTION...]: $client is the pid of script(1), output in tty.out
on_tty()
{
	authorise tty "$1" >auth.log 2>&1 || cat auth.log
	shift
	rm -f tty.in tty.out
	mkfifo tty.in
	script -qefc "bash ./on-a-tty $*" tty.log <tty.in >tty.out 2>&1 &
	client=$!
	exec 9>tty.in
}

on_tty '["/bin/work", "hear-signals"]' -t
told tty.out 'tty 111 ready 40x100'
same "-t gives a terminal of the same size" 0 $?
stty -F "$(cat tty.name)" rows 50 cols 120
told tty.out 'size 50x120'
same "changes of its size are passed on" 0 $?
printf '\003' >&9
told tty.out 'signal 2'
same "Ctrl-C reaches the workload" 0 $?
printf '\034' >&9
told tty.out 'signal 3'
same "Ctrl-\\ too" 0 $?
erotctl kill --socket erotd.sock "$(erotctl list | awk '$2 == "running" { print $1 }')" USR2
wait "$client"
same "exit status" 12 $?
exec 9>&-
matches "the user's terminal is put back" 'put back' "$(cat tty.out)"

touch reader
on_tty '["/bin/work", "chatter"]' -t
wait "$client"
same "whoever reads its output goes away: EIO" 1 $?
exec 9>&-
rm reader
matches "then the terminal is put back, too" 'put back' "$(cat tty.out)"

# process.terminal of the manifest, and what overrides it
sed -i 's/"process": *{/"process": {"terminal": true, /' app.manifest
on_tty '["/bin/work", "hear-signals"]'
told tty.out 'tty 111 ready 40x100'
same "process.terminal gives a terminal" 0 $?
erotctl kill --socket erotd.sock "$(erotctl list | awk '$2 == "running" { print $1 }')" KILL
wait "$client"
same "killed: 137" 137 $?
exec 9>&-
authorise plain '["/bin/cat"]' >auth.log 2>&1
out=$(printf 'from a pipe' | launch plain 2>&1)
same "also when stdin is none: end of input is passed on" $'from a pipefrom a pipe' "$out"
authorise plain '["/bin/sh", "-c", "if test -t 0; then echo a tty; else echo none; fi"]' >auth.log 2>&1
out=$(erotctl run --no-tty --socket erotd.sock --payload app.payload plain.ewc plain.receipt \
	2>&1 </dev/null)
same "--no-tty overrides it" none "$out"

refused "-t without a terminal" 125 '^erotctl: run: usage: -t needs a terminal' \
	erotctl run -t --socket erotd.sock plain.ewc plain.receipt
clean "after all of them"
finish
