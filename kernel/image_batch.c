// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole chunks of one read, decrypted on several processors. Whoever reads fetches all of them
 * himself, one after the other, for the disk may hang, and what waits for it must be a task that
 * can be killed. What has been fetched waits in a list, from which he takes, and so do helpers:
 * works on other processors, which are sent for when there is something to do and end when there
 * is nothing.
 *
 *   read   -> fetch, fetch, ...  -> waiting -> he himself, when there is more than helpers take
 *                                          \-> a helper -> reader given back
 *
 * A helper waits for the keys lock and for nothing else, neither for a disk nor for memory: so a
 * death waits for as many chunks as there are processors, and a helper that comes after it finds no
 * key. Nothing waits for a helper to begin: what waits in the list when all is fetched is decrypted
 * by whoever reads, and helpers that have not begun are called off. So reads end where no worker
 * can be had, and the queue needs no rescuer.
 *
 * A processor that seems free may have something else to do, which no module is told; that of a
 * virtual machine may not even run. Then what a helper has begun is waited for longer than it would
 * have taken, so it is measured: where help did not pay some reads go without, more each time.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/smp.h>

#include "image_parts.h"
#include "stats.h"

static struct workqueue_struct *decrypt_wq;

/*
 * Reads and helpers of each processor. A helper is sent to one that has neither, so that what reads
 * on every processor at once is not slowed down by help.
 */
static DEFINE_PER_CPU(atomic_t, busy);

/* Helpers take what was fetched first; he who reads what he fetched last, which is in his cache. */
static struct reader *take(struct erot_image_batch *b, bool last)
{
	struct reader *r;

	lockdep_assert_held(&b->lock);
	if (!b->nwaiting)
		return NULL;
	r = last ? list_last_entry(&b->waiting, struct reader, list) :
		   list_first_entry(&b->waiting, struct reader, list);
	list_del(&r->list);
	b->nwaiting--;
	return r;
}

static int finish(struct erot_image_batch *b, struct reader *r)
{
	struct job *j = erot_image_job(r);
	u64 chunk = j->chunk;
	int err;

	down_read(b->img->keys);
	err = erot_image_unseal(b->img, r, chunk, &j->pages, j->hash);
	up_read(b->img->keys);
	erot_image_reader_put(b->img, r);	/* and @j with it */
	if (err)
		erot_image_batch_fail(b, chunk, err, chunk);
	return err;
}

/* The last thing done to a batch, which is on the stack of him who reads. */
static void leave(struct erot_image_batch *b)
{
	if (atomic_dec_and_test(&b->running))
		complete(&b->done);
}

static void help(struct work_struct *work)
{
	struct helper *h = container_of(work, struct helper, work);
	struct erot_image_batch *b = h->batch;
	unsigned int nofs = memalloc_nofs_save();	/* as he who waits for it */
	struct reader *r;

	spin_lock(&b->lock);
	while ((r = take(b, false))) {
		spin_unlock(&b->lock);
		if (!finish(b, r))
			atomic64_inc(&erot_stats.shared);
		spin_lock(&b->lock);
		b->nhelped++;
	}
	/* still under the lock: for what is added from now on somebody else is sent for */
	atomic_dec(per_cpu_ptr(&busy, h->cpu));
	h->active = false;
	b->nactive--;
	spin_unlock(&b->lock);
	leave(b);
	memalloc_nofs_restore(nofs);
}

/* A processor for a helper, from the next one on; -1 when all are busy. */
static int find_idle(void)
{
	int here = raw_smp_processor_id(), cpu;

	for_each_cpu_wrap(cpu, cpu_online_mask, here) {
		atomic_t *b = per_cpu_ptr(&busy, cpu);

		if (cpu != here && !atomic_read(b) && !atomic_cmpxchg(b, 0, 1))
			return cpu;
	}
	return -1;
}

/* Sends for one more helper, if there is one; for no more than there once were if there is none. */
static void send_for(struct erot_image_batch *b)
{
	struct helper *h = b->helper;
	unsigned int active;
	int cpu;

	spin_lock(&b->lock);
	active = b->nactive;
	spin_unlock(&b->lock);
	if (active >= b->most)
		return;
	cpu = find_idle();
	if (cpu < 0) {	/* not that they are searched again for each chunk */
		b->most = active;
		return;
	}
	spin_lock(&b->lock);
	while (h->active)	/* fewer than @most are */
		h++;
	h->active = true;
	h->cpu = cpu;
	b->nactive++;
	spin_unlock(&b->lock);
	if (!h->batch) {
		h->batch = b;
		INIT_WORK_ONSTACK(&h->work, help);
	}
	atomic_inc(&b->running);
	queue_work_on(cpu, decrypt_wq, &h->work);
}

/* Whether it is one of the reads that go without help. */
static bool go_alone(struct erot_image *img)
{
	bool alone;

	spin_lock(&img->lock);
	alone = img->alone;
	if (alone)
		img->alone--;
	spin_unlock(&img->lock);
	return alone;
}

/**
 * erot_image_batch_judge - whether help paid, of which the next reads hear
 * @b:         batch that has ended
 * @waited_ns: how long was waited for helpers, when everything else was done
 */
void erot_image_batch_judge(struct erot_image_batch *b, u64 waited_ns)
{
	struct erot_image *img = b->img;
	bool paid;

	if (!b->ndone || !b->helper[0].batch)
		return;
	paid = waited_ns * b->ndone <= b->own_ns * b->nhelped;
	spin_lock(&img->lock);
	if (!paid) {
		img->shy = min(img->shy + 2, EROT_SHY_MAX);
		img->alone = 1 << img->shy;
	} else if (img->shy) {
		img->shy--;
	}
	spin_unlock(&img->lock);
}

/**
 * erot_image_batch_begin - a read begins
 * @b:   on the stack
 * @img: image
 */
void erot_image_batch_begin(struct erot_image_batch *b, struct erot_image *img)
{
	memset(b, 0, sizeof(*b));
	b->img = img;
	b->most = go_alone(img) ? 0 : EROT_HELPERS;
	spin_lock_init(&b->lock);
	INIT_LIST_HEAD(&b->waiting);
	atomic_set(&b->running, 1);	/* he who reads */
	init_completion(&b->done);
	b->here = raw_cpu_ptr(&busy);
	atomic_inc(b->here);
}

/**
 * erot_image_batch_add - a chunk was fetched
 * @b:    batch
 * @r:    taken over; has the ciphertext, and its job says where the plaintext goes
 * @more: something else of the read is still to be fetched
 */
void erot_image_batch_add(struct erot_image_batch *b, struct reader *r, bool more)
{
	bool enough;

	spin_lock(&b->lock);
	list_add_tail(&r->list, &b->waiting);
	b->nwaiting++;
	spin_unlock(&b->lock);
	if (more)
		send_for(b);
	/* one for each helper to go on with, so that it does not wait for us */
	spin_lock(&b->lock);
	enough = b->nwaiting > b->nactive;
	spin_unlock(&b->lock);
	if (enough)
		erot_image_batch_step(b);
}

/**
 * erot_image_batch_step - decrypt one of the chunks that wait
 * @b: batch
 *
 * Return: whether there was one.
 */
bool erot_image_batch_step(struct erot_image_batch *b)
{
	u64 start = ktime_get_ns();
	struct reader *r;

	spin_lock(&b->lock);
	r = take(b, true);
	spin_unlock(&b->lock);
	if (!r)
		return false;
	finish(b, r);
	b->own_ns += ktime_get_ns() - start;
	b->ndone++;
	return true;
}

/**
 * erot_image_batch_fail - a chunk of the read failed
 * @b:     batch
 * @chunk: of the image's data, which was wanted
 * @err:   why
 * @bad:   the damaged chunk, when that is why
 *
 * What counts in the end is the first chunk that failed, whichever was found first.
 */
void erot_image_batch_fail(struct erot_image_batch *b, u64 chunk, int err, u64 bad)
{
	spin_lock(&b->lock);
	if (!b->err || chunk < b->at) {
		WRITE_ONCE(b->err, err);
		b->at = chunk;
		b->bad = bad;
	}
	spin_unlock(&b->lock);
}

/**
 * erot_image_batch_end - decrypt what waits, and wait for helpers
 * @b:   batch; the keys lock is not held, since helpers want it
 * @bad: the damaged chunk when -EBADMSG is returned
 *
 * Return: 0 when every chunk was what it must be, or the first one's error.
 */
int erot_image_batch_end(struct erot_image_batch *b, u64 *bad)
{
	u64 start, waited = 0;
	unsigned int i;

	lockdep_assert_not_held(b->img->keys);
	while (erot_image_batch_step(b))
		;
	for (i = 0; i < EROT_HELPERS; i++) {
		struct helper *h = &b->helper[i];

		if (!h->batch)
			continue;
		if (cancel_work(&h->work)) {
			atomic_dec(per_cpu_ptr(&busy, h->cpu));
			leave(b);
		}
	}
	if (!atomic_dec_and_test(&b->running)) {
		start = ktime_get_ns();
		wait_for_completion(&b->done);
		waited = ktime_get_ns() - start;
	}
	erot_image_batch_judge(b, waited);
	for (i = 0; i < EROT_HELPERS; i++)
		if (b->helper[i].batch)
			destroy_work_on_stack(&b->helper[i].work);
	atomic_dec(b->here);
	*bad = b->bad;
	return b->err;
}

int erot_image_batch_init(void)
{
	/* not of one processor each: who does something else there is not waited for */
	decrypt_wq = alloc_workqueue("erot_decrypt", WQ_UNBOUND, 0);
	return decrypt_wq ? 0 : -ENOMEM;
}

/** erot_image_batch_exit - undo erot_image_batch_init(); nobody reads */
void erot_image_batch_exit(void)
{
	destroy_workqueue(decrypt_wq);
}
