#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2154
#
# The same workload in images of several sizes: erotctl run; dm-verity on dm-crypt with the same EROFS
# image on a loop device, opened, mounted and run in bubblewrap; age that decrypts a tar first, as
# whoever has nothing better does.

. "$(dirname "$0")/lib.sh"

bench_erotd
box="bwrap --unshare-all --hostname inside --proc /proc --dev /dev --tmpfs /tmp --tmpfs /run --cap-drop ALL"
box+=" --new-session --die-with-parent"

# what a machine does for one launch, in a script for each way, which is called with the size
cat >with-age <<END
mkdir $work/x && age -d -i /world/age.key /world/size-\$1/age | tar -x -C $work/x &&
	$box --ro-bind $work/x / /bin/first
status=\$?
rm -rf $work/x
exit \$status
END
cat >with-dm <<END
dev=\$(losetup -r -f --show /world/size-\$1/crypt) &&
	cryptsetup open --readonly --type plain --cipher aes-xts-plain64 --key-size 512 \\
		--key-file /world/disk.key --sector-size 4096 \$dev size-crypt &&
	veritysetup open /dev/mapper/size-crypt size-verity /world/size-\$1/tree \\
		\$(cat /world/size-\$1/hash) &&
	mount -t erofs -o ro /dev/mapper/size-verity $work/mnt &&
	$box --ro-bind $work/mnt / /bin/first
status=\$?
umount $work/mnt
veritysetup close size-verity
cryptsetup close size-crypt
losetup -d \$dev
exit \$status
END
mkdir mnt
for dir in /world/size-*; do
	size=${dir##*-}
	cat >>ways <<-END
		erot-$size $(command -v erotctl) run -v --socket $work/erotd.sock --payload $dir/payload $dir/%r.ewc $dir/%r.receipt
		dm-$size $(command -v bash) $work/with-dm $size
	END
	[ ! -e "$dir/age" ] || echo "age-$size $(command -v bash) $work/with-age $size" >>ways
done
/bench/launch size "$rounds" ways >&3
