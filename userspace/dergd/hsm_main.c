// SPDX-License-Identifier: GPL-2.0-only
/*
 * erot-hsm: the one process that talks PKCS#11, and the one in which an ERoT's
 * private key exists at the provider. It serves the socket on descriptor 3
 * until its peer closes it, one request at a time, and does nothing else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/msg.h"
#include "common/secret.h"
#include "dergd/hsm_ops.h"
#include "dergd/hsm_wire.h"

/**
 * struct server - state of this process
 * @token: open when @opened
 * @opened: HSM_OPEN has succeeded
 */
struct server {
	struct p11 token;
	int opened;
};

static int take_text(struct erot_reader *r, size_t max, char *out, const char *what,
		     struct erot_error *err)
{
	const uint8_t *p;
	size_t len;

	p = erot_read_lp(r, max, &len);
	if (!p || !len || memchr(p, 0, len))
		return erot_fail(err, EBADMSG, "hsm-request", "bad %s", what);
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

static int done(struct erot_reader *r, struct erot_error *err)
{
	return erot_reader_done(r, "request", err);
}

static int serve_open(struct server *s, struct erot_reader *r, struct erot_error *err)
{
	char uri[HSM_URI_MAX + 1];
	int ret;

	ret = take_text(r, HSM_URI_MAX, uri, "URI", err);
	if (!ret)
		ret = done(r, err);
	if (!ret && s->opened)
		ret = erot_fail(err, EBUSY, "hsm-request", "a token is open already");
	if (ret)
		return ret;
	ret = p11_open(&s->token, uri, err);
	if (ret)
		p11_close(&s->token);
	else
		s->opened = 1;
	return ret;
}

static int serve_init(struct server *s, struct erot_reader *r, struct erot_error *err)
{
	char uri[HSM_URI_MAX + 1];
	const uint8_t *pin;
	size_t pin_len = 0;
	int ret;

	ret = take_text(r, HSM_URI_MAX, uri, "URI", err);
	if (ret)
		return ret;
	pin = erot_read_lp(r, HSM_SO_PIN_MAX, &pin_len);
	ret = done(r, err);
	if (!ret && s->opened)
		ret = erot_fail(err, EBUSY, "hsm-request", "a token is open already");
	if (ret)
		return ret;
	ret = p11_init_token(&s->token, uri, pin, pin_len, err);
	p11_close(&s->token);
	return ret;
}

static int serve_release(struct p11 *t, const char *root, struct erot_reader *r,
			 struct erot_buf *out, struct erot_error *err)
{
	uint8_t seed[EROT_DIGEST_SIZE];
	struct hsm_release in;
	struct erot_release release;
	int ret;

	erot_read_copy(r, seed, sizeof(seed));
	erot_read_copy(r, in.pk, sizeof(in.pk));
	erot_read_copy(r, in.receipt, sizeof(in.receipt));
	erot_read_copy(r, in.session_pk, sizeof(in.session_pk));
	erot_read_copy(r, in.boot_pk, sizeof(in.boot_pk));
	in.derg_time = erot_read_u64(r);
	in.valid_seconds = erot_read_u32(r);
	in.max_runtime = erot_read_u32(r);
	ret = done(r, err);
	if (!ret)
		ret = hsm_op_release(t, root, seed, &in, &release, err);
	if (!ret)
		erot_buf_add(out, &release, sizeof(release));
	return ret;
}

static int serve_check(struct p11 *t, const char *root, struct erot_reader *r,
		       struct erot_error *err)
{
	uint8_t seed[EROT_DIGEST_SIZE], pk[EROT_KEY_SIZE], receipt[EROT_DIGEST_SIZE];
	struct erot_evidence ev;
	int ret;

	erot_read_copy(r, seed, sizeof(seed));
	erot_read_copy(r, pk, sizeof(pk));
	erot_read_copy(r, receipt, sizeof(receipt));
	erot_read_copy(r, &ev, sizeof(ev));
	ret = done(r, err);
	if (!ret)
		ret = hsm_op_check(t, root, seed, pk, receipt, &ev, sizeof(ev), err);
	return ret;
}

static int serve_derive(struct p11 *t, const char *root, struct erot_reader *r,
			struct erot_buf *out, struct erot_error *err)
{
	uint8_t seed[EROT_DIGEST_SIZE], pk[EROT_KEY_SIZE];
	int ret;

	erot_read_copy(r, seed, sizeof(seed));
	ret = done(r, err);
	if (!ret)
		ret = hsm_op_derive(t, root, seed, pk, err);
	if (!ret)
		erot_buf_add(out, pk, sizeof(pk));
	return ret;
}

static int serve_sign(struct p11 *t, const char *key, struct erot_reader *r,
		      struct erot_buf *out, struct erot_error *err)
{
	uint8_t sig[HSM_RSA_MAX];
	size_t info_len = 0, sig_len = sizeof(sig);
	const uint8_t *info;
	int ret;

	info = erot_read_lp(r, 128, &info_len);
	ret = done(r, err);
	if (!ret)
		ret = p11_rsa_sign(t, key, info, info_len, sig, &sig_len, err);
	if (!ret)
		erot_buf_lp(out, sig, sig_len);
	return ret;
}

static int serve_modulus(struct p11 *t, const char *key, struct erot_reader *r,
			 struct erot_buf *out, struct erot_error *err)
{
	uint8_t n[HSM_RSA_MAX];
	size_t len = sizeof(n);
	int ret;

	ret = done(r, err);
	if (!ret)
		ret = p11_rsa_modulus(t, key, n, &len, err);
	if (!ret)
		erot_buf_lp(out, n, len);
	return ret;
}

static int serve_ed25519_public(struct p11 *t, const char *key, struct erot_reader *r,
				struct erot_buf *out, struct erot_error *err)
{
	uint8_t pk[32];
	int ret;

	ret = done(r, err);
	if (!ret)
		ret = p11_ed25519_public(t, key, pk, err);
	if (!ret)
		erot_buf_add(out, pk, sizeof(pk));
	return ret;
}

static int serve_ed25519_sign(struct p11 *t, const char *key, struct erot_reader *r,
			      struct erot_buf *out, struct erot_error *err)
{
	const uint8_t *msg;
	uint8_t sig[64];
	size_t len = 0;
	int ret;

	msg = erot_read_lp(r, HSM_NOTE_MAX, &len);
	ret = done(r, err);
	if (!ret)
		ret = p11_ed25519_sign(t, key, msg, len, sig, err);
	if (!ret)
		erot_buf_add(out, sig, sizeof(sig));
	return ret;
}

/**
 * struct listing - labels being put together
 * @labels: lp() of each
 * @count: of them
 */
struct listing {
	struct erot_buf labels;
	uint32_t count;
};

static int add_label(void *ctx, const char *label)
{
	struct listing *list = ctx;

	if (list->labels.len > HSM_MSG_MAX - 2 * HSM_LABEL_MAX)
		return -EFBIG;
	erot_buf_lp_str(&list->labels, label);
	list->count++;
	return 0;
}

static int serve_list(struct p11 *t, struct erot_reader *r, struct erot_buf *out,
		      struct erot_error *err)
{
	struct listing list = { 0 };
	int ret;

	ret = done(r, err);
	if (!ret)
		ret = p11_list(t, add_label, &list, err);
	if (ret == -EFBIG)
		ret = erot_fail(err, EFBIG, "hsm-error", "too many keys on the token");
	if (!ret)
		ret = erot_buf_done(&list.labels, err);
	if (!ret) {
		erot_buf_u32(out, list.count);
		if (list.labels.len)
			erot_buf_add(out, list.labels.data, list.labels.len);
	}
	erot_buf_free(&list.labels);
	return ret;
}

static int serve_label(struct server *s, uint32_t op, struct erot_reader *r,
		       struct erot_buf *out, struct erot_error *err)
{
	char label[HSM_LABEL_MAX + 1];
	struct p11 *t = &s->token;
	int ret;

	ret = take_text(r, HSM_LABEL_MAX, label, "label", err);
	if (ret)
		return ret;
	switch (op) {
	case HSM_DERIVE:
		return serve_derive(t, label, r, out, err);
	case HSM_RELEASE:
		return serve_release(t, label, r, out, err);
	case HSM_CHECK:
		return serve_check(t, label, r, err);
	case HSM_SIGN:
		return serve_sign(t, label, r, out, err);
	case HSM_MODULUS:
		return serve_modulus(t, label, r, out, err);
	case HSM_NEW_ROOT:
		ret = done(r, err);
		return ret ?: p11_generate_root(t, label, err);
	case HSM_NEW_RSA:
		ret = done(r, err);
		return ret ?: p11_generate_rsa(t, label, err);
	case HSM_NEW_ED25519:
		ret = done(r, err);
		return ret ?: p11_generate_ed25519(t, label, err);
	case HSM_ED25519_PUBLIC:
		return serve_ed25519_public(t, label, r, out, err);
	case HSM_ED25519_SIGN:
		return serve_ed25519_sign(t, label, r, out, err);
	case HSM_DESTROY:
		ret = done(r, err);
		return ret ?: p11_destroy(t, label, err);
	}
	return erot_fail(err, EBADMSG, "hsm-request", "unknown operation %u", op);
}

static int serve(struct server *s, struct erot_reader *r, struct erot_buf *out,
		 struct erot_error *err)
{
	uint32_t op = erot_read_u32(r);

	if (op == HSM_OPEN)
		return serve_open(s, r, err);
	if (op == HSM_INIT)
		return serve_init(s, r, err);
	if (!s->opened)
		return erot_fail(err, ENODEV, "hsm-request", "no token is open");
	if (op == HSM_LIST)
		return serve_list(&s->token, r, out, err);
	return serve_label(s, op, r, out, err);
}

static void begin(struct erot_buf *out, uint32_t number, int ret)
{
	erot_buf_u32(out, number);
	erot_buf_u32(out, -ret);
}

static int one_request(struct server *s)
{
	struct erot_error err = { "", "" };
	struct erot_buf out = { 0 };
	uint8_t *data = NULL;
	struct erot_reader r;
	uint32_t number;
	size_t len = 0;
	int ret;

	ret = erot_msg_recv(HSM_FD, HSM_MSG_MAX, &data, &len, NULL, &err);
	if (ret)
		return ret;
	erot_reader_init(&r, data, len);
	number = erot_read_u32(&r);
	begin(&out, number, 0);
	ret = serve(s, &r, &out, &err);
	erot_wipe_free(data, len);
	if (!ret)
		ret = erot_buf_done(&out, &err);
	if (ret) {
		erot_buf_free(&out);
		begin(&out, number, ret);
		erot_buf_lp_str(&out, err.code);
		erot_buf_lp_str(&out, err.text);
	}
	ret = erot_buf_done(&out, &err);
	if (!ret)
		ret = erot_msg_send(HSM_FD, out.data, out.len, -1, &err);
	erot_buf_free(&out);
	return ret;
}

/* Keys must not reach a swap area or a core file: without that, no service. */
static int harden(struct erot_error *err)
{
	int ret;

	ret = erot_no_dumps(err);
	if (ret)
		return ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return erot_fail(err, errno, "hsm-helper", "no_new_privs: %s", strerror(errno));
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return erot_fail(err, errno, "hsm-helper",
				 "cannot lock memory: %s; raise RLIMIT_MEMLOCK (ulimit -l)",
				 strerror(errno));
	return 0;
}

int main(void)
{
	struct erot_error err = { "", "" };
	struct server s = { 0 };
	socklen_t len = sizeof(int);
	int type, ret;

	if (getsockopt(HSM_FD, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM) {
		fprintf(stderr, "erot-hsm: started by dergctl and dergd, not by hand\n");
		return 2;
	}
	if (harden(&err)) {
		fprintf(stderr, "erot-hsm: %s\n", err.text);
		return 1;
	}
	do {
		ret = one_request(&s);
	} while (!ret);
	p11_close(&s.token);
	return ret == -ECONNRESET ? 0 : 1;
}
