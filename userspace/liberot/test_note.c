// SPDX-License-Identifier: GPL-2.0-only
/* Signed notes, checkpoints, proofs and entries: C2SP's own examples, and what must be refused. */
#include "liberot/test_oracle.h"

#include <endian.h>
#include <openssl/evp.h>

#include "liberot/crypto.h"
#include "liberot/grant.h"
#include "liberot/logentry.h"
#include "liberot/note.h"

/* https://c2sp.org/signed-note */
#define VKEY	"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define TEXT	"This is an example message.\n"
#define SIG	"\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7" \
		"Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
#define OTHER	"\xe2\x80\x94 other.example AAAAAAAAAAAAAA==\n"

static struct erot_error err;

static void test_example(void)
{
	static const struct {
		const char *what, *note;
		int num;
		const char *code;
	} bad[] = {
		{ "another text", "This is an example massage.\n\n" SIG, EKEYREJECTED,
		  "note-signature" },
		{ "signed by others only", TEXT "\n" OTHER, ENOKEY, "note-unsigned" },
		{ "no signature", TEXT "\n", EBADMSG, "note-format" },
		{ "no empty line", TEXT SIG, EBADMSG, "note-format" },
		{ "no newline at the end", TEXT "\n" OTHER "\xe2\x80\x94 example.com/foo AAAAAAA=",
		  EBADMSG, "note-format" },
		{ "a line that is no signature", TEXT "\n" SIG "and so on\n", EBADMSG,
		  "note-format" },
		{ "a hyphen for a dash", TEXT "\n- example.com/foo AAAAAAAA\n", EBADMSG,
		  "note-format" },
		{ "no name", TEXT "\n\xe2\x80\x94  AAAAAAAA\n", EBADMSG, "note-format" },
		{ "no base64", TEXT "\n\xe2\x80\x94 example.com/foo ????\n", EBADMSG,
		  "note-format" },
		{ "a control character", "This\tis\n\n" SIG, EBADMSG, "note-format" },
		{ "a lone byte of UTF-8", "This \xe2\x80 is\n\n" SIG, EBADMSG, "note-format" },
		{ "overlong UTF-8", "This \xc0\xaf is\n\n" SIG, EBADMSG, "note-format" },
		{ "half a surrogate pair", "This \xed\xa0\x80 is\n\n" SIG, EBADMSG, "note-format" },
		{ "right name and id, short signature", TEXT "\n\xe2\x80\x94 example.com/foo "
		  "Uw2QOgA=\n", EKEYREJECTED, "note-signature" },
		{ "right name, another id", TEXT "\n\xe2\x80\x94 example.com/foo AAAAAAA=\n",
		  ENOKEY, "note-unsigned" },
	};
	static const char good[] = TEXT "\n" OTHER SIG OTHER;
	struct erot_note_key key;
	struct erot_buf many = { 0 };
	char vkey[EROT_VKEY_MAX];
	size_t i, len;

	tap_ok(!erot_vkey_parse(VKEY, &key, &err) && !strcmp(key.name, "example.com/foo") &&
	       key.id == 0x530d903a, "the example's key");
	tap_ok(!erot_vkey_format(&key, vkey, &err) && !strcmp(vkey, VKEY), "and back");
	tap_ok(!erot_note_check(TEXT "\n" SIG, strlen(TEXT "\n" SIG), &key, &len, &err) &&
	       len == strlen(TEXT), "the example's note");
	tap_ok(!erot_note_check(good, sizeof(good) - 1, &key, &len, &err) && len == strlen(TEXT),
	       "signatures of others are passed over");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tap_refused(erot_note_check(bad[i].note, strlen(bad[i].note), &key, &len, &err),
			    bad[i].num, &err, bad[i].code, bad[i].what);
		tap_ok(!len, "%s: no text", bad[i].what);
	}
	erot_buf_add(&many, good, sizeof(good) - 1);
	for (i = 3; i < EROT_NOTE_SIGNATURES; i++)
		erot_buf_add(&many, OTHER, strlen(OTHER));
	tap_ok(!erot_note_check(many.data, many.len, &key, &len, &err), "16 signatures");
	erot_buf_add(&many, OTHER, strlen(OTHER));
	tap_refused(erot_note_check(many.data, many.len, &key, &len, &err), EBADMSG, &err,
		    "note-format", "17 signatures");
	erot_buf_free(&many);
	for (i = 0; i < strlen(TEXT "\n" SIG); i++)
		if (!erot_note_check(good, i, &key, &len, &err))
			break;
	tap_ok(i == strlen(TEXT "\n" SIG), "no part of the note passes for it");
	memset(&err, 0, sizeof(err));
}

static void test_vkeys(void)
{
	static const char *const bad[] = {
		"", "example.com/foo", "example.com/foo+530d903a", "+530d903a+AekyeRrm56hApGFkyQR4"
		"ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U",
		"example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
	};
	static const char *const names[] = { "", "with blank", "with+plus", "with\nnewline",
					     "caf\xc3\xa9" };
	struct erot_note_key key;
	uint8_t pk[32] = { 1 };
	char name[128];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(name, sizeof(name), "vkey \"%s\"", bad[i]);
		tap_refused(erot_vkey_parse(bad[i], &key, &err), EINVAL, &err, "note-key", name);
	}
	for (i = 0; i < 5; i++)
		tap_refused(erot_note_key(names[i], pk, &key, &err), EINVAL, &err, "note-key",
			    "a name that is none");
}

/* ---- with a key of our own */

static EVP_PKEY *sk;
static struct erot_note_key key;

static void make_key(void)
{
	uint8_t pk[32];
	size_t len = 32;

	sk = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!sk || EVP_PKEY_get_raw_public_key(sk, pk, &len) != 1 ||
	    erot_note_key("log.example/erot", pk, &key, &err))
		tap_ok(0, "key");
}

static void sign(const void *text, size_t len, struct erot_buf *note)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[64];
	size_t n = 64;

	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, sk) != 1 ||
	    EVP_DigestSign(ctx, sig, &n, text, len) != 1 ||
	    erot_note_format(text, len, &key, sig, note, &err))
		tap_ok(0, "signing");
	EVP_MD_CTX_free(ctx);
}

static void test_checkpoint(void)
{
	static const char example[] = "example.com/behind-the-sofa\n20852163\n"
		"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	static const char *const bad[] = {
		"", "x\n", "x\n1\n", "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"x\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
		"x\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
		"x\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
	};
	struct erot_checkpoint cp, again;
	struct erot_buf text = { 0 }, note = { 0 };
	char vkey[EROT_VKEY_MAX], *out;
	size_t i;

	tap_ok(!erot_checkpoint_parse(example, strlen(example), &cp, &err) &&
	       !strcmp(cp.origin, "example.com/behind-the-sofa") && cp.size == 20852163 &&
	       cp.root[0] == 0x0a && cp.root[31] == 0x62, "C2SP's example of a checkpoint");
	tap_ok(!erot_checkpoint_format(&cp, &text, &err) && text.len == strlen(example) &&
	       !memcmp(text.data, example, text.len), "and back");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_refused(erot_checkpoint_parse(bad[i], strlen(bad[i]), &again, &err), EBADMSG,
			    &err, "checkpoint-format", "a checkpoint that is none");
	sign(text.data, text.len, &note);
	tap_refused(erot_checkpoint_open(note.data, note.len, &key, &again, &err), EKEYREJECTED,
		    &err, "checkpoint-origin", "signed by the key of another log");
	erot_buf_free(&text);
	erot_buf_free(&note);

	snprintf(cp.origin, sizeof(cp.origin), "%s", key.name);
	tap_ok(!erot_checkpoint_format(&cp, &text, &err), "a checkpoint of ours");
	sign(text.data, text.len, &note);
	tap_ok(!erot_checkpoint_open(note.data, note.len, &key, &again, &err) &&
	       again.size == cp.size && !memcmp(again.root, cp.root, 32), "is opened");
	erot_vkey_format(&key, vkey, &err);
	tap_ok(!oracle(ORACLE("note", vkey), note.data, note.len, &out) && out &&
	       strlen(out) == text.len && !memcmp(out, text.data, text.len),
	       "the oracle verifies our note");
	free(out);
	note.data[1] ^= 1;
	tap_ok(oracle(ORACLE("note", vkey), note.data, note.len, &out), "and no other");
	free(out);
	tap_refused(erot_checkpoint_open(note.data, note.len, &key, &again, &err), EKEYREJECTED,
		    &err, "note-signature", "neither do we");
	erot_buf_free(&text);
	erot_buf_free(&note);
}

static int parse(const struct erot_buf *b, uint64_t *index, struct erot_tlog_proof *proof,
		 size_t *note_len)
{
	const char *note;

	return erot_proof_parse(b->data, b->len, index, proof, &note, note_len, &err);
}

static void test_proof(void)
{
	struct erot_checkpoint cp = { .size = 2 }, got;
	struct erot_tlog_proof p = { .count = 1 }, parsed;
	struct erot_buf text = { 0 }, note = { 0 }, proof = { 0 };
	uint8_t a[32], b[32];
	size_t inner_len, i;
	uint64_t index;

	erot_tlog_leaf("a", 1, a);
	erot_tlog_leaf("b", 1, b);
	erot_tlog_node(a, b, cp.root);
	memcpy(p.hash[0], a, 32);
	snprintf(cp.origin, sizeof(cp.origin), "%s", key.name);
	erot_checkpoint_format(&cp, &text, &err);
	sign(text.data, text.len, &note);
	tap_ok(!erot_proof_format(1, &p, note.data, note.len, &proof, &err) &&
	       !strncmp((char *)proof.data, "c2sp.org/tlog-proof@v1\nindex 1\n", 31),
	       "a tlog-proof");
	tap_ok(!erot_proof_open(proof.data, proof.len, &key, b, &index, &got, &err) && index == 1 &&
	       got.size == 2, "is opened");
	tap_refused(erot_proof_open(proof.data, proof.len, &key, a, &index, &got, &err),
		    EKEYREJECTED, &err, "log-inclusion", "for another leaf");
	tap_ok(!parse(&proof, &index, &parsed, &inner_len) &&
	       parsed.count == 1 && inner_len == note.len, "its parts");
	for (i = 0; i < proof.len; i++)
		if (!erot_proof_open(proof.data, i, &key, b, &index, &got, &err))
			break;
	tap_ok(i == proof.len, "no part of it passes for it");
	for (i = 0; i < proof.len; i++) {
		proof.data[i] ^= 1;
		if (!erot_proof_open(proof.data, proof.len, &key, b, &index, &got, &err))
			break;
		proof.data[i] ^= 1;
	}
	tap_ok(i == proof.len, "and nothing with a bit changed");
	memset(&err, 0, sizeof(err));
	erot_buf_free(&proof);
	erot_buf_free(&text);
	for (i = 0; i < EROT_TLOG_PROOF_MAX; i++)
		memcpy(p.hash[i], a, 32);
	p.count = EROT_TLOG_PROOF_MAX;
	erot_proof_format(1, &p, note.data, note.len, &proof, &err);
	tap_ok(!parse(&proof, &index, &parsed, &inner_len) &&
	       parsed.count == EROT_TLOG_PROOF_MAX, "the longest proof");
	/* one hash more, as somebody else would write it */
	erot_buf_add(&text, proof.data, 31);
	erot_buf_add(&text, proof.data + 31, 45);
	erot_buf_add(&text, proof.data + 31, proof.len - 31);
	tap_refused(parse(&text, &index, &parsed, &inner_len),
		    EBADMSG, &err, "proof-format", "one hash more");
	erot_buf_free(&proof);
	erot_buf_free(&text);
	erot_buf_free(&note);
}

static void test_entry(void)
{
	struct erot_log_entry_info in = { .kind = EROT_LOG_RELEASE, .time = 1700000000,
					  .stream = { 7 }, .number = 3, .previous = { 8 } };
	struct erot_log_entry_info out, next;
	uint8_t salt[32] = "salt of the test's own, 32 bytes", leaf[32], want[32];
	struct erot_log_entry e;
	char salt_hex[65], *text;

	tap_ok(!erot_log_commitment(salt, "content", 7, in.commitment), "commitment");
	erot_hex(salt, 32, salt_hex);
	tap_ok(!oracle(ORACLE("commitment", salt_hex), "content", 7, &text) && text &&
	       (text[strcspn(text, "\n")] = 0, !erot_unhex(text, want, 32)) &&
	       !memcmp(want, in.commitment, 32), "as the oracle has it");
	free(text);
	erot_log_entry_build(&in, &e);
	tap_ok(!erot_log_entry_parse(&e, sizeof(e), &out, &err) && !memcmp(&in, &out, sizeof(in)),
	       "an entry and back");
	tap_ok(!erot_log_entry_opens(&out, salt, "content", 7, &err), "its content");
	tap_refused(erot_log_entry_opens(&out, salt, "contenu", 7, &err), EKEYREJECTED, &err,
		    "log-commitment", "another content");
	salt[0] ^= 1;
	tap_refused(erot_log_entry_opens(&out, salt, "content", 7, &err), EKEYREJECTED, &err,
		    "log-commitment", "another salt");
	tap_refused(erot_log_entry_parse(&e, sizeof(e) - 1, &out, &err), EBADMSG, &err, "short",
		    "a byte less");
	tap_refused(erot_log_entry_parse(&e, sizeof(e) + 1, &out, &err), EBADMSG, &err,
		    "trailing-bytes", "a byte more");
	erot_log_entry_build(&in, &e);
	e.reserved = 1;
	tap_refused(erot_log_entry_parse(&e, sizeof(e), &out, &err), EBADMSG, &err, "log-entry",
		    "a reserved field");
	e.reserved = 0;
	e.kind = htole32(EROT_LOG_CLIENT + 1);
	tap_refused(erot_log_entry_parse(&e, sizeof(e), &out, &err), EBADMSG, &err, "log-entry",
		    "an unknown kind");
	e.kind = 0;
	tap_refused(erot_log_entry_parse(&e, sizeof(e), &out, &err), EBADMSG, &err, "log-entry",
		    "no kind");
	erot_log_entry_build(&in, &e);
	e.number = 0;
	tap_refused(erot_log_entry_parse(&e, sizeof(e), &out, &err), EBADMSG, &err, "log-entry",
		    "a first one that follows another");
	erot_log_entry_build(&in, &e);
	erot_head_fill(&e.head, EROT_PURPOSE_EVIDENCE, sizeof(e));
	tap_refused(erot_log_entry_parse(&e, sizeof(e), &out, &err), EBADMSG, &err,
		    "log-entry-purpose", "evidence");

	erot_log_entry_build(&in, &e);
	erot_tlog_leaf(&e, sizeof(e), leaf);
	next = in;
	next.number++;
	memcpy(next.previous, leaf, 32);
	tap_ok(!erot_log_entry_follows(&in, leaf, &next, &err), "the next of its stream");
	next.number++;
	tap_refused(erot_log_entry_follows(&in, leaf, &next, &err), EKEYREJECTED, &err, "log-gap",
		    "one is missing");
	next.number--;
	next.previous[0] ^= 1;
	tap_refused(erot_log_entry_follows(&in, leaf, &next, &err), EKEYREJECTED, &err, "log-gap",
		    "one was exchanged");
	memcpy(next.previous, leaf, 32);
	next.stream[0] ^= 1;
	tap_refused(erot_log_entry_follows(&in, leaf, &next, &err), EKEYREJECTED, &err, "log-gap",
		    "of another stream");
	tap_refused(erot_log_entry_follows(NULL, NULL, &next, &err), EKEYREJECTED, &err, "log-gap",
		    "the first are missing");
	tap_ok(!strcmp(erot_log_kind_name(EROT_LOG_ACCOUNTED), "accounted") &&
	       !strcmp(erot_log_kind_name(0), "unknown") &&
	       !strcmp(erot_log_kind_name(99), "unknown"), "names of kinds");
}

int main(void)
{
	test_example();
	test_vkeys();
	make_key();
	test_checkpoint();
	test_proof();
	test_entry();
	EVP_PKEY_free(sk);
	return tap_done();
}
