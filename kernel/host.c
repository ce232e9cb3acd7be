// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this machine is: mode, state, hardware key, and the keyring with the
 * certificates whose receipts are accepted.
 */
#include <linux/cred.h>
#include <linux/kexec.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/erot_format.h>

#include "bootkey.h"
#include "host.h"

bool erot_open;
module_param_named(open, erot_open, bool, 0444);
MODULE_PARM_DESC(open, "open mode: no requirements on the host (development); recorded everywhere");

struct key *erot_keyring;

static DEFINE_SPINLOCK(hwkey_lock);
static u8 hwkey[32];		/* hwkey_lock */
static bool hwkey_set;		/* hwkey_lock; set once a boot */

int erot_host_init(void)
{
	struct key *ring;

	/*
	 * Root may add certificates and unlink them: rotation needs both, and
	 * unlinking can only refuse more. KEY_ALLOC_SET_KEEP would forbid it.
	 */
	ring = keyring_alloc(".erot", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, current_cred(),
			     KEY_POS_SEARCH | KEY_USR_VIEW | KEY_USR_READ | KEY_USR_WRITE |
			     KEY_USR_SEARCH,
			     KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	erot_keyring = ring;
	return 0;
}

void erot_host_exit(void)
{
	key_revoke(erot_keyring);
	key_put(erot_keyring);
}

/**
 * erot_host_state - read what can be observed of the host now
 *
 * Return: EROT_HOST_* bits.
 */
u32 erot_host_state(void)
{
	u32 state = 0;

	if (!erot_open)
		state |= EROT_HOST_ATTESTED;
	/* The last reason of the confidentiality level is denied at that level only. */
	if (security_locked_down(LOCKDOWN_XFRM_SECRET) == -EPERM)
		state |= EROT_HOST_LOCKDOWN;
	if (want_init_on_free())
		state |= EROT_HOST_INIT_ON_FREE;
	/* Free slots: without any nothing can be written out. The total is not exported. */
	if (get_nr_swap_pages() <= 0)
		state |= EROT_HOST_NO_SWAP;
	if (!kexec_crash_loaded())
		state |= EROT_HOST_NO_CRASH_KERNEL;
	if (erot_bootkey_in_pcr())
		state |= EROT_HOST_BOOT_KEY_IN_PCR;
	return state;
}

/**
 * erot_host_fit - may this host hold keys
 * @state: of erot_host_state()
 * @why:   set to the missing requirement on refusal
 *
 * Open mode asks for nothing; the state stands in every record.
 *
 * Return: 0 or -EACCES.
 */
int erot_host_fit(u32 state, const char **why)
{
	if (!(state & EROT_HOST_ATTESTED))
		return 0;
	if (!(state & EROT_HOST_LOCKDOWN))
		*why = "host: kernel lockdown is below confidentiality";
	else if (!(state & EROT_HOST_NO_CRASH_KERNEL))
		*why = "host: a crash kernel is loaded";
	else if (!(state & EROT_HOST_INIT_ON_FREE))
		*why = "host: init_on_free is off";
	else if (!(state & EROT_HOST_NO_SWAP))
		*why = "host: swap is in use";
	else
		return 0;
	return -EACCES;
}

/**
 * erot_host_keeps - has the host lost what it can lose while a sandbox lives
 * @required: EROT_HOST_* of the receipt
 * @why:      set on refusal
 *
 * Lockdown only rises and the rest is fixed at boot or load, so what is left is
 * swap and the crash kernel. Reads two variables; any context. In attested mode
 * both are required of every session.
 *
 * Return: 0 or -EACCES.
 */
int erot_host_keeps(u32 required, const char **why)
{
	if (!erot_open)
		required |= EROT_HOST_NO_SWAP | EROT_HOST_NO_CRASH_KERNEL;
	if (required & EROT_HOST_NO_CRASH_KERNEL && kexec_crash_loaded())
		*why = "host: a crash kernel was loaded";
	else if (required & EROT_HOST_NO_SWAP && get_nr_swap_pages() > 0)
		*why = "host: swap came into use";
	else
		return 0;
	return -EACCES;
}

/**
 * erot_host_set_hwkey - say which hardware key is this machine's
 * @digest: SHA-256 of its SubjectPublicKeyInfo
 * @why:    set on refusal
 *
 * Return: 0, also for the value that is set already; -EEXIST for another one.
 */
int erot_host_set_hwkey(const u8 digest[32], const char **why)
{
	int err = 0;

	spin_lock(&hwkey_lock);
	if (!hwkey_set) {
		memcpy(hwkey, digest, sizeof(hwkey));
		hwkey_set = true;
	} else if (memcmp(hwkey, digest, sizeof(hwkey))) {
		*why = "host: another hardware key is set already in this boot";
		err = -EEXIST;
	}
	spin_unlock(&hwkey_lock);
	return err;
}

/**
 * erot_host_hwkey - the digest of this machine's hardware key
 * @digest: filled when there is one
 *
 * Return: whether it was set.
 */
bool erot_host_hwkey(u8 digest[32])
{
	bool set;

	spin_lock(&hwkey_lock);
	set = hwkey_set;
	if (set)
		memcpy(digest, hwkey, sizeof(hwkey));
	spin_unlock(&hwkey_lock);
	return set;
}
