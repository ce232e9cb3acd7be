// SPDX-License-Identifier: GPL-2.0-only
/* What the machine does to itself: suspend, hibernation, reboot, panic. */
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "bootkey.h"
#include "limits.h"
#include "power.h"
#include "session.h"

/*
 * Memory is about to be kept without us, written to disk or, by what resumes
 * from there, overwritten in part: no session survives, and no plaintext. Tasks
 * that were killed just now are frozen after this, with their pages, unless they
 * are waited for here.
 */
static int prepare(void)
{
	erot_session_close(EROT_END_SUSPEND);
	if (erot_session_wait_released(EROT_SLEEP_SECONDS))
		return NOTIFY_DONE;
	/* who refuses is not told that it was called off */
	erot_session_reopen();
	pr_notice("erot: plaintext of a session is still held: the machine may not sleep\n");
	return notifier_from_errno(-EBUSY);
}

static int on_pm(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return prepare();
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		erot_session_reopen();
	}
	return NOTIFY_DONE;
}

/*
 * A reset may keep memory, and what boots next need not clear it. After the close no session
 * can use the boot key, and tasks still run, so that those just killed can let go of plaintext.
 */
static int on_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	erot_session_close(EROT_END_REBOOT);
	erot_bootkey_wipe();
	if (!erot_session_wait_released(EROT_SLEEP_SECONDS))
		pr_warn("erot: plaintext of a session is still held: it stays in memory\n");
	return NOTIFY_DONE;
}

static int on_panic(struct notifier_block *nb, unsigned long event, void *data)
{
	erot_bootkey_wipe();
	erot_session_panic();
	return NOTIFY_DONE;
}

static struct notifier_block pm_nb = { .notifier_call = on_pm, .priority = INT_MAX };
static struct notifier_block reboot_nb = { .notifier_call = on_reboot, .priority = INT_MAX };
static struct notifier_block panic_nb = { .notifier_call = on_panic, .priority = INT_MAX };

int erot_power_init(void)
{
	int err;

	err = register_pm_notifier(&pm_nb);
	if (err)
		return err;
	err = register_reboot_notifier(&reboot_nb);
	if (err) {
		unregister_pm_notifier(&pm_nb);
		return err;
	}
	atomic_notifier_chain_register(&panic_notifier_list, &panic_nb);
	return 0;
}

void erot_power_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_nb);
	unregister_reboot_notifier(&reboot_nb);
	unregister_pm_notifier(&pm_nb);
}
