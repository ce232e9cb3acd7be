# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced: a provider on this host, for a guest with --net, in the directory
# $place. The guest reaches it at https://10.0.2.2:$port.

build=${build:?}
place=${place:?}
derg_pid=''

provider_dergctl()
{
	"$build/dergctl" --dir "$place/derg" "$@"
}

# a certificate by the CA in $place: NAME EXTENSIONS
provider_cert()
{
	openssl req -newkey rsa:3072 -nodes -keyout "$place/$1-key.pem" -subj "/CN=$1" \
		-out "$place/$1.csr" 2>/dev/null
	openssl x509 -req -in "$place/$1.csr" -CA "$place/ca.pem" -CAkey "$place/ca-key.pem" \
		-CAcreateserial -days 30 -out "$place/$1.pem" \
		-extfile <(printf 'subjectKeyIdentifier=hash\n%s\n' "$2") 2>/dev/null
}

# TLS on both sides, and a customer who may order: done once
provider_certs()
{
	openssl req -x509 -newkey rsa:3072 -nodes -keyout "$place/ca-key.pem" -days 30 \
		-out "$place/ca.pem" -subj "/CN=provider's CA" 2>/dev/null
	provider_cert server 'subjectAltName=IP:10.0.2.2,IP:127.0.0.1'
	provider_cert customer 'extendedKeyUsage=clientAuth'
	provider_cert admin 'extendedKeyUsage=clientAuth'
	openssl req -x509 -newkey rsa:3072 -nodes -keyout "$place/order-key.pem" -days 30 \
		-out "$place/order.pem" -subj "/CN=customer's orders" \
		-addext subjectKeyIdentifier=hash 2>/dev/null
}

# starts dergd, and waits until it says that it is ready; sets $derg_pid and $port
provider_start()
{
	local line

	cat >"$place/dergd.conf" <<-END
		listen = 127.0.0.1:${port:-0}
		certificate = $place/server.pem
		key = $place/server-key.pem
		directory = $place/derg
		memory_lock = optional
	END
	: >"$place/dergd.log"
	"$build/dergd" --config "$place/dergd.conf" 2>>"$place/dergd.log" &
	derg_pid=$!
	while read -r line; do
		if [[ $line == *' listen='* ]]; then
			port=${line##*127.0.0.1:}
			return
		fi
	done < <(exec tail -n +1 -f --pid="$derg_pid" "$place/dergd.log")
	echo "dergd: $(tail -n 1 "$place/dergd.log")" >&2
	return 1
}

provider_stop()
{
	[ -z "$derg_pid" ] || kill "$derg_pid" 2>/dev/null || :
	wait "$derg_pid" 2>/dev/null || :
	derg_pid=''
}
