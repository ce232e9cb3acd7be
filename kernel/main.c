// SPDX-License-Identifier: GPL-2.0-only
/* Order of birth; death is its mirror image. */
#include <linux/module.h>
#include <linux/sched.h>

#include "bootkey.h"
#include "crypto.h"
#include "cutoff.h"
#include "host.h"
#include "image.h"
#include "kat.h"
#include "netlink.h"
#include "payload.h"
#include "power.h"
#include "sandbox.h"
#include "secret.h"
#include "session.h"

static const struct {
	int (*init)(void);
	void (*exit)(void);
} layers[] = {
	{ erot_secret_init, erot_secret_exit },
	{ erot_crypto_init, erot_crypto_exit },
	{ erot_kat, NULL },
	{ erot_host_init, erot_host_exit },
	{ erot_bootkey_init, erot_bootkey_exit },
	{ erot_cutoff_init, erot_cutoff_exit },
	{ erot_image_batch_init, erot_image_batch_exit },
	{ erot_session_init, erot_session_exit },
	{ erot_payload_init, erot_payload_exit },
	{ erot_sandbox_init, erot_sandbox_exit },
	{ erot_power_init, erot_power_exit },
	{ erot_netlink_init, erot_netlink_exit },
};

static void undo(unsigned int n)
{
	while (n--)
		if (layers[n].exit)
			layers[n].exit();
}

static int __init erot_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(layers); i++) {
		err = layers[i].init();
		if (err) {
			undo(i);
			return err;
		}
	}
	if (erot_open)
		pr_notice("erot: open mode: nothing is required of this host\n");
	else
		__module_get(THIS_MODULE);	/* attested mode: the boot key lasts until reboot */
	return 0;
}

/*
 * A forced unload (O_TRUNC, if the kernel has it) asks no reference. Whatever
 * holds one would call into freed memory, and attested mode promises that the
 * boot key cannot be had anew: so end all that lives, and never come back.
 */
static void stay(void)
{
	erot_session_close(EROT_END_DESTROYED);
	pr_notice("erot: forced unload: in use, stays\n");
	for (;;)
		schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
}

static void __exit erot_exit(void)
{
	if (module_refcount(THIS_MODULE) > 0)
		stay();
	undo(ARRAY_SIZE(layers));
}

module_init(erot_init);
module_exit(erot_exit);

MODULE_DESCRIPTION("Ephemeral Roots of Trust");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_SOFTDEP("pre: aesni-intel ghash-clmulni-intel sha256-ssse3 sha512-ssse3 curve25519-x86_64");
