// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: chain
 *
 * Root with the machine's real TPM and attestation key, who speaks to a real DERG in place of the
 * module:
 *
 *	impostor_test instead|after RECEIPT VERSION
 *
 * "instead": the module was never loaded. "after": it was, as the policy wants it, before us.
 * VERSION is the module's.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attester/attester.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/tap.h"
#include "liberot/cms.h"
#include "liberot/grant.h"
#include "liberot/hpke.h"
#include "liberot/release.h"

#define BOOT_PCR	13

static struct attester attester;
static struct erot_error err;
static uint8_t *receipt;
static size_t receipt_len;
static struct erot_receipt_info info;
static const char *version;

#define must(call) do {								\
	if (call) {								\
		printf("Bail out! %s: %s: %s\n", #call, err.code, err.text);	\
		exit(1);							\
	}									\
} while (0)

/**
 * struct claim - what we say, and what came of it
 * @session_sk: of @q.session_pk
 * @boot_sk:    of @q.boot_pk, unless that is the module's
 */
struct claim {
	struct erot_quote_release q;
	uint8_t session_sk[EROT_KEY_SIZE], boot_sk[EROT_KEY_SIZE];
	struct erot_release release;
};

static void claim_begin(struct claim *c)
{
	memset(c, 0, sizeof(*c));
	c->q.host = EROT_HOST_ALL;
	memcpy(c->q.receipt, info.digest, EROT_DIGEST_SIZE);
	must(erot_hpke_keypair(c->session_sk, c->q.session_pk));
	must(erot_hpke_keypair(c->boot_sk, c->q.boot_pk));
}

static uint32_t get_challenge(struct claim *c)
{
	json_t *body = json_object(), *answer, *item;
	uint32_t mask = 0;
	char path[128];
	size_t i;

	snprintf(path, sizeof(path), "machines/%s/challenges", attester.id);
	must(attester_post(&attester, path, body, &answer, &err));
	must(erot_service_bytes(answer, "challenge", c->q.challenge, sizeof(c->q.challenge),
				&err));
	json_array_foreach(json_object_get(answer, "pcrs"), i, item)
		mask |= 1U << json_integer_value(item);
	json_decref(answer);
	json_decref(body);
	return mask;
}

/* As erot-attester makes it, except that nobody asks the module. */
static void make_state(const struct claim *c, const struct erot_pcrs *pcrs, json_t *body)
{
	struct erot_machine_state s = { .has_boot_key = true, .host = c->q.host };
	json_t *json;
	char *text;

	must(erot_read_file(attester.config.event_log, EROT_STATE_MAX, &s.event_log,
			    &s.event_log_len, &err));
	memcpy(s.boot_key, c->q.boot_pk, sizeof(s.boot_key));
	snprintf(s.module_version, sizeof(s.module_version), "%s", version);
	s.pcrs = *pcrs;
	text = erot_machine_state_build(&s);
	json = json_loads(text, 0, NULL);
	json_object_set_new(body, "state", json);
	free(text);
	erot_machine_state_free(&s);
}

static int claim_make(struct claim *c)
{
	uint8_t qualifying[EROT_DIGEST_SIZE];
	json_t *body = json_object(), *answer = NULL;
	struct erot_pcrs pcrs;
	uint32_t mask;
	int ret;

	mask = get_challenge(c);
	must(erot_quote_data_release(&c->q, qualifying));
	json_object_set_new(body, "machine", json_string(attester.id));
	must(attester_set_base64(body, "receipt", receipt, receipt_len, &err));
	must(attester_set_base64(body, "sessionKey", c->q.session_pk, EROT_KEY_SIZE, &err));
	must(attester_set_base64(body, "challenge", c->q.challenge, sizeof(c->q.challenge), &err));
	must(attester_sign(&attester, mask, qualifying, body, &pcrs, &err));
	make_state(c, &pcrs, body);
	ret = attester_post(&attester, "releases", body, &answer, &err);
	if (!ret)
		must(erot_service_bytes(answer, "release", &c->release, sizeof(c->release), &err));
	json_decref(answer);
	json_decref(body);
	return ret;
}

static void run_extend(const char *what)
{
	char *argv[] = { "tpm2", "pcrextend", (char *)what, NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status) {
		printf("Bail out! tpm2 pcrextend\n");
		exit(1);
	}
}

/* What the module would extend, had it our key. */
static void extend(const struct claim *c)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], what[2 * EROT_DIGEST_SIZE + 16];
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_buf event = { 0 };

	erot_buf_add(&event, EROT_LABEL_BOOT, strlen(EROT_LABEL_BOOT));
	erot_buf_add(&event, c->q.boot_pk, EROT_KEY_SIZE);
	erot_buf_add(&event, version, strlen(version));
	must(erot_buf_done(&event, &err));
	must(erot_sha256(event.data, event.len, digest));
	erot_buf_free(&event);
	/* both use the resource manager, one at a time */
	attester_close(&attester);
	snprintf(what, sizeof(what), "%u:sha256=%s", BOOT_PCR,
		 erot_hex(digest, sizeof(digest), hex));
	run_extend(what);
	must(attester_open(&attester, ATTESTER_CONFIG_FILE, &err));
}

/* The one key in the machine's PCR is ours; but it was not booted as the policy wants. */
static void test_instead(void)
{
	struct claim c;

	claim_begin(&c);
	tap_refused(claim_make(&c), EACCES, &err, "pcr-mismatch", "no boot key in the PCR");
	extend(&c);
	tap_refused(claim_make(&c), EACCES, &err, "pcr-mismatch", "ours is the first and only one");
}

static void make_info(const uint8_t session_pk[EROT_KEY_SIZE], uint8_t *out, size_t *len)
{
	*len = strlen(EROT_LABEL_RELEASE);
	memcpy(out, EROT_LABEL_RELEASE, *len);
	memcpy(out + *len, info.digest, EROT_DIGEST_SIZE);
	memcpy(out + *len + EROT_DIGEST_SIZE, session_pk, EROT_KEY_SIZE);
	*len += EROT_DIGEST_SIZE + EROT_KEY_SIZE;
}

/* The outer seal is ours to open and to make again; the inner one says for which session it was. */
static void test_blob(struct erot_nl *nl, const struct claim *c)
{
	struct erot_release_boot inner;
	struct erot_release again;
	struct erot_release_info out;
	struct erot_nl_new session;
	uint8_t text[128];
	size_t len;

	tap_refused(erot_release_open(&c->release, info.digest, c->session_sk, c->boot_sk, &out,
				      &err), EBADMSG, &err, "release-boot",
		    "what was released opens with our session key, and then with nothing of ours");
	must(erot_nl_new(nl, &session, &err));
	tap_ok(erot_nl_provision(nl, session.id, receipt, receipt_len, &c->release, &err) ==
	       -EKEYREJECTED, "the module does not open it in a session of its own: %s", err.text);
	make_info(c->q.session_pk, text, &len);
	must(erot_hpke_open(c->session_sk, c->release.enc, text, len, EROT_AAD_SESSION,
			    strlen(EROT_AAD_SESSION), c->release.text, sizeof(c->release.text),
			    (uint8_t *)&inner));
	make_info(session.session_key, text, &len);
	must(erot_hpke_seal(session.session_key, text, len, EROT_AAD_SESSION,
			    strlen(EROT_AAD_SESSION), &inner, sizeof(inner), again.enc,
			    again.text));
	tap_ok(erot_nl_provision(nl, session.id, receipt, receipt_len, &again, &err) ==
	       -EKEYREJECTED, "nor sealed anew to that session: %s", err.text);
	close(session.fd);
}

static void test_after(void)
{
	struct erot_nl_host host;
	struct erot_nl *nl;
	struct claim c;

	must(erot_nl_open(&nl, &err));
	must(erot_nl_host(nl, NULL, &host, &err));
	claim_begin(&c);
	tap_refused(claim_make(&c), EACCES, &err, "boot-key-pcr", "a boot key of our own");
	/* all true, but for whose session key it is */
	memcpy(c.q.boot_pk, host.boot_key, EROT_KEY_SIZE);
	tap_ok(!claim_make(&c), "with the module's boot key the session may be ours: %s", err.code);
	test_blob(nl, &c);
	claim_begin(&c);
	extend(&c);
	tap_refused(claim_make(&c), EACCES, &err, "boot-key-pcr", "ours as the PCR's second event");
	memcpy(c.q.boot_pk, host.boot_key, EROT_KEY_SIZE);
	tap_refused(claim_make(&c), EACCES, &err, "boot-key-pcr",
		    "and now the module's is not believed either");
	erot_nl_close(nl);
}

static void read_receipt(const char *path)
{
	uint8_t *content;
	size_t len;

	must(erot_read_file(path, EROT_CMS_MAX, &receipt, &receipt_len, &err));
	must(erot_cms_content(receipt, receipt_len, &content, &len, &err));
	must(erot_receipt_parse(content, len, &info, &err));
	free(content);
}

int main(int argc, char **argv)
{
	bool after = argc == 4 && !strcmp(argv[1], "after");

	if (!after && (argc != 4 || strcmp(argv[1], "instead")))
		return 2;
	setenv("TSS2_LOG", "all+none", 1);
	read_receipt(argv[2]);
	version = argv[3];
	must(attester_open(&attester, ATTESTER_CONFIG_FILE, &err));
	if (after)
		test_after();
	else
		test_instead();
	attester_close(&attester);
	free(receipt);
	return tap_done();
}
