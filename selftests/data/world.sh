# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A provider, a customer and this machine, made at run time. Sourced behind
# lib.sh. Keys are kept for the boot: the module takes the hardware key once, and
# to make the others takes longer than a test.

machine=/root/machine.spki
RUNTIME=1200	# seconds that a launch may take, where a test says nothing else

world_keys()
{
	[ ! -e /root/world ] || return 0
	rm -rf /root/world.new /root/derg
	mkdir /root/world.new
	[ -e $machine ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
		openssl pkey -pubout -outform DER -out $machine
	openssl req -x509 -newkey rsa:3072 -nodes -keyout /root/world.new/cust.key \
		-out /root/world.new/cust.pem -days 30 -subj /CN=customer \
		-addext subjectKeyIdentifier=hash 2>/dev/null &&
		dergctl --dir /root/derg init --open-mode &&
		mv /root/world.new /root/world
}

# world_begin: DERG, customer, one payload with busybox and the test workload
world_begin()
{
	mkdir -p /var/tmp /etc/erot
	world_keys && cp /root/world/cust.* . && ln -s /root/derg derg || return 1
	key=$(keyctl padd asymmetric "" %keyring:.erot <derg/receipt-cert.der) || return 1
	at_end keyctl unlink "$key" %keyring:.erot

	mkdir -p root/{bin,proc,dev,sys,run,tmp,data}
	cp /bin/busybox root/bin/busybox
	cp "$lib_dir/workload/work" root/bin/work
	for tool in sh cat sleep kill hostname ls dd id mount grep; do
		ln -s busybox "root/bin/$tool"
	done
	echo world-canary >root/data/canary
	dd if=/dev/urandom of=root/data/big bs=64k count=40 2>/dev/null
	cat >template.json <<-END
	{"process": {"args": ["/bin/work"], "cwd": "/", "env": ["PATH=/bin"]},
	 "root": {"readonly": true},
	 "linux": {"resources": {"memory": {"limit": 67108864}, "pids": {"limit": 32}}},
	 "hostname": "inside", "erot": {"maxRuntime": $RUNTIME, "requireHost": ["init-on-free"]}}
	END
	ewc prepare --manifest template.json --key app.key --finished app.manifest root \
		-o app.payload || return 1
	cat >erotd.conf <<-END
	provider = /usr/bin/dergctl --dir $work/derg provider
	state_dir = $work/state
	socket = $work/erotd.sock
	hardware_key = $machine
	END
	mkdir state
	daemon_begin
}

# runtime [SECONDS]: of what is authorised from now on; without a number as it was
runtime()
{
	sed -i "s/\"maxRuntime\": *[0-9]*/\"maxRuntime\": ${1:-$RUNTIME}/" "$work/app.manifest"
}

# daemon_heard: erotd has handled all that had come before; it takes one event after the other
daemon_heard()
{
	erotctl doctor --socket erotd.sock >/dev/null 2>&1 || :
}

daemon_begin()
{
	erotd -c "$work/erotd.conf" >>"$work/erotd.log" 2>&1 &
	daemon=$!
	until_true 20 test -S "$work/erotd.sock"
}

daemon_end()
{
	kill -TERM "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
}

# authorise NAME ARGS-JSON [OPTION-OF-RECEIPT...]: NAME.ewc and NAME.receipt for the payload
authorise()
{
	local name=$1 args=${2//&/\\&}	# for sed

	shift 2
	tr '\n' ' ' <app.manifest | sed 's|\[ *"/bin/work" *\]|'"$args"'|' >"$name.manifest"
	dergctl --dir derg derive --machine "${for_machine:-$machine}" --manifest "$name.manifest" \
		-o "$name.statement" &&
		ewc seal --statement "$name.statement" --cert derg/receipt-cert.der \
			--payload app.payload --key app.key --manifest "$name.manifest" \
			-o "$name.ewc" &&
		ewc order --statement "$name.statement" --ewc "$name.ewc" --key cust.key \
			--cert cust.pem -o "$name.order" &&
		dergctl --dir derg receipt --statement "$name.statement" --order "$name.order" \
			--customer-cert cust.pem --ewc "$name.ewc" "$@" -o "$name.receipt"
}

# launch NAME [PAYLOAD]: runs what was authorised, in the foreground
launch()
{
	erotctl run --socket "$work/erotd.sock" --payload "${2:-app.payload}" "$1.ewc" "$1.receipt"
}

stat_of()
{
	erotctl stats | awk -v name="$1" '$1 == name { print $2 }'
}

nothing_left()
{
	[ "$(stat_of keys)" = 0 ] && [ "$(stat_of sessions)" = 0 ] &&
		! grep -q ' erofs ' /proc/mounts &&
		[ -z "$(find /sys/fs/cgroup/erot -mindepth 1 -type d 2>/dev/null)" ] &&
		! pidof work >/dev/null && [ "$(pidof erotd | wc -w)" -le 1 ]
}

# clean NAME: no key, session, mount or process is left
clean()
{
	if until_true 30 nothing_left; then
		ok "$1: nothing is left"
	else
		not_ok "$1: nothing is left" "$(erotctl list; erotctl stats; grep erofs /proc/mounts)"
	fi
}
