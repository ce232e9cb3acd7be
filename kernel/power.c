// SPDX-License-Identifier: GPL-2.0-only
/* What the machine does to itself: suspend, hibernation, reboot, panic. */
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "bootkey.h"
#include "power.h"
#include "session.h"

/* Memory is about to be written to disk or kept without us: no session survives. */
static int on_pm(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == PM_SUSPEND_PREPARE || event == PM_HIBERNATION_PREPARE)
		erot_session_close(EROT_END_SUSPEND);
	else if (event == PM_POST_SUSPEND || event == PM_POST_HIBERNATION)
		erot_session_reopen();
	return NOTIFY_DONE;
}

static int on_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	erot_session_close(EROT_END_REBOOT);
	return NOTIFY_DONE;
}

static int on_panic(struct notifier_block *nb, unsigned long event, void *data)
{
	erot_bootkey_panic();
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
