// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, one for each eye of a kernel that looks for faults: a run in which this
 * module was loaded must fail, and say all of it. For tests of the runner, never installed.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void invert_locks(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	msleep(1);
	spin_unlock(&spin);
}

static noinline void leak(void)
{
	char *lost = kmalloc(77, GFP_KERNEL);

	if (lost)
		strscpy(lost, "planted", 77);
}

static noinline void use_after_free(void)
{
	char *p = kmalloc(77, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	WRITE_ONCE(*p, 1);
}

static int wait_for_ever(void *done)
{
	wait_for_completion(done);
	return 0;
}

/* Longer than what the caller made of hung_task_timeout_secs. */
static void hang(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *t = kthread_run(wait_for_ever, &done, "planted");

	if (IS_ERR(t))
		return;
	get_task_struct(t);
	ssleep(10);
	complete(&done);
	kthread_stop_put(t);
}

static unsigned long raced;

static int race_with_me(void *unused)
{
	while (!kthread_should_stop())
		raced++;
	return 0;
}

static void race(void)
{
	struct task_struct *t = kthread_run(race_with_me, NULL, "planted");
	unsigned long end = jiffies + 2 * HZ;

	if (IS_ERR(t))
		return;
	while (time_before(jiffies, end)) {
		raced++;
		cond_resched();
	}
	kthread_stop(t);
}

static int __init planted_init(void)
{
	if (IS_ENABLED(CONFIG_KCSAN)) {
		race();
		return 0;
	}
	leak();
	hang();
	invert_locks();		/* lockdep is off from here */
	sleep_in_atomic();
	use_after_free();
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("faults on purpose, to test a runner of tests");
MODULE_LICENSE("GPL");
