// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of several threads on one socket. The helper answers in the order in which it was
 * asked, so requests are sent without waiting for the answers of those before, and it finds the
 * next one when it is done with this: otherwise it would wait each time until two threads have been
 * woken. Each answer is read by who asked, in that order.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/msg.h"
#include "dergd/hsm_call.h"
#include "dergd/hsm_wire.h"

/**
 * struct hsm_asker - a thread that waits for its answer
 * @entry: in the queue
 * @first: the next answer is its own
 * @number: of its request, which the answer repeats
 */
struct hsm_asker {
	STAILQ_ENTRY(hsm_asker) entry;
	pthread_cond_t first;
	uint32_t number;
};

void hsm_none(struct hsm *h)
{
	h->sock = -1;
	h->pid = -1;
	pthread_mutex_init(&h->sending, NULL);
	pthread_mutex_init(&h->lock, NULL);
	STAILQ_INIT(&h->asked);
	h->number = 0;
	h->broken = false;
}

/* The helper's refusal; anything malformed means that it is not to be trusted further. */
static int refused(struct erot_reader *r, uint32_t num, struct erot_error *err)
{
	size_t code_len, text_len;
	const uint8_t *code, *text;
	char buf[sizeof(err->code)] = "";
	struct erot_error bad;

	code = erot_read_lp(r, sizeof(err->code) - 1, &code_len);
	text = erot_read_lp(r, sizeof(err->text) - 1, &text_len);
	if (num > 4095 || erot_reader_done(r, "answer", &bad))
		return erot_fail(err, EPROTO, "hsm-helper", "malformed answer of erot-hsm");
	memcpy(buf, code, code_len);
	return erot_fail(err, num, buf, "%.*s", (int)text_len, (const char *)text);
}

/*
 * Afterwards this one is in the queue; or, after an error, is not. Half a request is the last one:
 * the helper answers those before it, and ends.
 */
static int ask(struct hsm *h, struct hsm_asker *me, struct erot_buf *req, struct erot_error *err)
{
	uint32_t number;
	int ret;

	pthread_mutex_lock(&h->sending);
	me->number = h->number++;
	number = htole32(me->number);
	memcpy(req->data, &number, sizeof(number));
	ret = erot_msg_send(h->sock, req->data, req->len, -1, err);
	if (!ret) {
		pthread_mutex_lock(&h->lock);
		STAILQ_INSERT_TAIL(&h->asked, me, entry);
		pthread_mutex_unlock(&h->lock);
	} else if (ret != -EMSGSIZE) {
		shutdown(h->sock, SHUT_WR);
	}
	pthread_mutex_unlock(&h->sending);
	return ret;
}

static bool wait_for_turn(struct hsm *h, struct hsm_asker *me)
{
	bool broken;

	pthread_mutex_lock(&h->lock);
	while (STAILQ_FIRST(&h->asked) != me)
		pthread_cond_wait(&me->first, &h->lock);
	broken = h->broken;
	pthread_mutex_unlock(&h->lock);
	return !broken;
}

static void end_turn(struct hsm *h)
{
	struct hsm_asker *next;

	pthread_mutex_lock(&h->lock);
	STAILQ_REMOVE_HEAD(&h->asked, entry);
	next = STAILQ_FIRST(&h->asked);
	if (next)
		pthread_cond_signal(&next->first);
	pthread_mutex_unlock(&h->lock);
}

/* What is left of an answer must not become the next one's: nobody reads on, the helper ends. */
static void give_up(struct hsm *h)
{
	pthread_mutex_lock(&h->lock);
	h->broken = true;
	pthread_mutex_unlock(&h->lock);
	shutdown(h->sock, SHUT_RDWR);
}

static int read_answer(struct hsm *h, const struct hsm_asker *me, uint8_t **data, size_t *len,
		       struct erot_error *err)
{
	struct erot_reader r;
	int ret;

	ret = erot_msg_recv(h->sock, HSM_MSG_MAX, data, len, NULL, err);
	if (ret)
		return ret;
	erot_reader_init(&r, *data, *len);
	if (erot_read_u32(&r) != me->number || r.failed)
		return erot_fail(err, EPROTO, "hsm-helper", "an answer to another request");
	return 0;
}

static int answer(struct hsm *h, struct hsm_asker *me, uint8_t **data, size_t *len,
		  struct erot_error *err)
{
	int ret;

	if (wait_for_turn(h, me)) {
		ret = read_answer(h, me, data, len, err);
		if (ret)
			give_up(h);
	} else {
		ret = erot_fail(err, ECONNRESET, "msg-peer-gone", "the other process is gone");
	}
	end_turn(h);
	return ret;
}

static int exchange(struct hsm *h, struct erot_buf *req, uint8_t **data, size_t *len,
		    struct erot_error *err)
{
	struct hsm_asker me;
	int ret;

	ret = pthread_cond_init(&me.first, NULL);
	if (ret)
		return erot_fail(err, ret, "no-memory", "condition variable: %s", strerror(ret));
	ret = ask(h, &me, req, err);
	if (!ret)
		ret = answer(h, &me, data, len, err);
	pthread_cond_destroy(&me.first);
	return ret;
}

/**
 * hsm_call() - sends a request and waits for its answer
 * @h: started
 * @req: built, or failed; room for the number first
 * @data: the whole answer, to be wiped and freed, whatever is returned
 * @len: bytes
 * @r: at what stands behind the errno, when 0 is returned
 * @err: the helper's refusal; "msg-...", "hsm-helper" where there was no answer, and then it may
 *	 have done what it was asked for, or still do it
 *
 * Return: 0 or a negative errno.
 */
int hsm_call(struct hsm *h, struct erot_buf *req, uint8_t **data, size_t *len,
	     struct erot_reader *r, struct erot_error *err)
{
	uint32_t num;
	int ret;

	*data = NULL;
	*len = 0;
	if (h->sock < 0)
		return erot_fail(err, ECONNRESET, "hsm-helper", "erot-hsm is not running");
	ret = erot_buf_done(req, err);
	if (!ret)
		ret = exchange(h, req, data, len, err);
	if (ret) {
		erot_error_prefix(err, "erot-hsm");
		return ret;
	}
	erot_reader_init(r, *data, *len);
	erot_read_u32(r);
	num = erot_read_u32(r);
	return num ? refused(r, num, err) : 0;
}
