// SPDX-License-Identifier: GPL-2.0-only
/* The log in the database: the same cases on SQLite and on a real PostgreSQL. */
#include "dergd/test_log.h"

#include <pthread.h>

#include "dergd/hsm.h"

#define WRITERS	6
#define ROUNDS	20

static struct test_base base;

static int proves(struct log *log, struct db *db, uint64_t index)
{
	struct erot_checkpoint cp;
	struct erot_buf proof = { 0 };
	uint8_t leaf[32];
	uint64_t got;
	int ret;

	ret = log_leaf(db, index, leaf) || log_prove(log, db, index, &proof, &err) ||
	      erot_proof_open(proof.data, proof.len, &log_key, leaf, &got, &cp, &err);
	erot_buf_free(&proof);
	if (ret)
		printf("# %llu: %s: %s\n", (unsigned long long)index, err.code, err.text);
	return !ret && got == index && cp.size > index;
}

static int checkpoint(struct log *log, struct db *db, struct erot_checkpoint *cp)
{
	struct erot_buf note = { 0 };
	int ret = log_checkpoint(log, db, &note, &err);

	if (!ret)
		ret = erot_checkpoint_open(note.data, note.len, &log_key, cp, &err);
	erot_buf_free(&note);
	return ret;
}

/* ---- growing, and every checkpoint on the way */

static const unsigned int steps[] = { 0, 1, 1, 1, 4, 120, 128, 1, 1, 250, 5 };

#define STEPS (sizeof(steps) / sizeof(steps[0]))

struct pair {
	uint64_t old, new;
	struct erot_tlog_proof proof;
};

static int read_consistency(struct db *db, void *ctx, struct erot_error *e)
{
	struct pair *p = ctx;

	return log_consistency(db, p->old, p->new, &p->proof, e);
}

static uint64_t test_growth(struct log *log, struct db *db)
{
	static const char *const who[] = { "first", "second", NULL };
	struct erot_checkpoint cps[STEPS];
	uint64_t size = 0;
	size_t i, j;
	int good = 1;

	for (i = 0; i < STEPS; i++) {
		if (steps[i])
			log_add(db, who[i % 3], steps[i], size);
		size += steps[i];
		tap_ok(!checkpoint(log, db, &cps[i]) && cps[i].size == size,
		       "%s: checkpoint of %llu entries", backend, (unsigned long long)size);
		if (size == 2 || size == 256 || size == 257 || i == STEPS - 1)
			tap_ok(log_is_whole(log, db, &base, size),
			       "%s: the oracle reads %llu from tiles",
			       backend, (unsigned long long)size);
	}
	for (i = 0; i < STEPS; i++) {
		for (j = i; j < STEPS; j++) {
			struct pair p = { .old = cps[i].size, .new = cps[j].size };

			if (db_transaction(db, DB_READ, read_consistency, &p, &err) ||
			    erot_tlog_check_consistency(p.old, p.new, &p.proof, cps[i].root,
							cps[j].root, &err))
				good = 0;
		}
	}
	tap_ok(good, "%s: every checkpoint is a prefix of every later one", backend);
	for (i = 0; i < size; i += 37)
		good &= proves(log, db, i);
	tap_ok(good && proves(log, db, size - 1), "%s: entries are proved", backend);
	return size;
}

/* ---- entries */

static int count_found(void *ctx, const struct log_record *r)
{
	struct erot_log_entry_info info;
	uint64_t n;

	memcpy(&n, r->subject, sizeof(n));
	if (n == 3 && !erot_log_entry_parse(&r->entry, sizeof(r->entry), &info, &err) &&
	    !erot_log_entry_opens(&info, r->salt, r->content, r->len, &err) &&
	    !strcmp((char *)r->content, "{\"number\":3}"))
		++*(int *)ctx;
	return 0;
}

static int find_third(struct db *db, void *ctx, struct erot_error *e)
{
	uint8_t subject[32] = { 3 };
	int *found = ctx;

	return log_find(db, "first", subject, count_found, &found[0], e) ?:
	       log_find(db, "second", subject, count_found, &found[1], e);
}

static int read_missing(struct db *db, void *ctx, struct erot_error *e)
{
	struct log_record r;

	return log_read(db, *(uint64_t *)ctx, &r, e);
}

static void test_entries(struct log *log, struct db *db, uint64_t size)
{
	struct append refused = { .tenant = "first", .count = 9, .fail = 1 };
	struct append stranger = { .tenant = "nobody", .count = 1 };
	struct pair later;
	struct erot_checkpoint before, after;
	struct erot_buf proof = { 0 };
	int found[2] = { 0 };
	char name[96];

	tap_ok(!db_transaction(db, DB_READ, find_third, found, &err) && found[1] == 1 && !found[0],
	       "%s: an entry is found by tenant and subject, and opens", backend);
	snprintf(name, sizeof(name), "%s: an entry that is not there", backend);
	tap_refused(db_transaction(db, DB_READ, read_missing, &size, &err), ENOENT, &err,
		    "log-index", name);
	tap_refused(log_prove(log, db, size, &proof, &err), EINVAL, &err, "log-index", name);
	later = (struct pair) { .old = size, .new = size + 1 };
	snprintf(name, sizeof(name), "%s: a tree that is not there yet", backend);
	tap_refused(db_transaction(db, DB_READ, read_consistency, &later, &err), EINVAL, &err,
		    "log-index", name);
	snprintf(name, sizeof(name), "%s: a tenant that is not there", backend);
	tap_refused(db_transaction(db, 0, log_appends, &stranger, &err), ENOENT, &err,
		    "log-tenant", name);
	checkpoint(log, db, &before);
	snprintf(name, sizeof(name), "%s: a transaction that is rolled back", backend);
	tap_refused(db_transaction(db, 0, log_appends, &refused, &err), EACCES, &err,
		    "test-refused", name);
	tap_ok(!checkpoint(log, db, &after) && !memcmp(&before, &after, sizeof(after)),
	       "%s: leaves nothing in the log", name);
	log_add(db, "first", 1, 1000);
	tap_ok(log_is_whole(log, db, &base, size + 1), "%s: nor a gap", name);
}

static void test_tiles(struct db *db)
{
	static const char *const missing[] = {
		"0/002", "0/002.p/255", "1/000", "1/000.p/3", "2/000.p/1", "7/000.p/1", "63/000",
		"entries/002", "entries/003.p/1", "0/x999/x999/x999/x999/x999/999",
	};
	static const char *const there[] = { "0/000", "0/001", "0/002.p/1", "1/000.p/1",
					     "1/000.p/2", "entries/001", "entries/002.p/1",
					     "entries/000.p/255" };
	struct erot_buf out = { 0 }, part = { 0 };
	char name[96];
	size_t i;

	for (i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		snprintf(name, sizeof(name), "%s: tile %s", backend, missing[i]);
		tap_refused(log_tile(db, missing[i], &out, &err), ENOENT, &err, "log-tile", name);
	}
	for (i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		tap_ok(!log_tile(db, there[i], &out, &err), "%s: tile %s", backend, there[i]);
	snprintf(name, sizeof(name), "%s: no tile's name", backend);
	tap_refused(log_tile(db, "0/0", &out, &err), EINVAL, &err, "log-path", name);
	erot_buf_free(&out);
	tap_ok(!log_tile(db, "0/001", &out, &err) && out.len == 8192 &&
	       !log_tile(db, "0/001.p/7", &part, &err) && part.len == 7 * 32 &&
	       !memcmp(out.data, part.data, part.len), "%s: a part of a tile begins as it does",
	       backend);
	erot_buf_free(&out);
	erot_buf_free(&part);
}

/* ---- clocks */

/* An entry at @when, and the time that it got. */
struct timed {
	uint64_t when, got;
};

static int append_at(struct db *db, void *ctx, struct erot_error *e)
{
	struct timed *t = ctx;
	struct log_new new = { .kind = EROT_LOG_RELEASE, .time = t->when, .tenant = "second",
			       .content = "{}", .len = 2 };
	struct erot_log_entry_info info;
	struct log_record r;
	uint64_t index;
	int ret;

	ret = log_append(db, &new, &index, e) ?: log_read(db, index, &r, e);
	if (ret)
		return ret;
	ret = erot_log_entry_parse(&r.entry, sizeof(r.entry), &info, e);
	t->got = info.time;
	free(r.content);
	return ret ?: new.time == t->got ? 0 : erot_fail(e, EINVAL, "test", "two times");
}

static uint64_t time_of(struct db *db, uint64_t when)
{
	struct timed t = { .when = when };

	return db_transaction(db, 0, append_at, &t, &err) ? 0 : t.got;
}

/* Of a clock that was set back, or of several processes; the log's own time goes on. */
static void test_clocks(struct db *db)
{
	const uint64_t t = 1800000000, far = t + 5 + LOG_AHEAD_MAX;

	tap_ok(time_of(db, t) == t && time_of(db, t + 5) == t + 5, "%s: entries have their times",
	       backend);
	tap_ok(time_of(db, t - 30) == t + 5 && time_of(db, t + 4) == t + 5,
	       "%s: none has one before that of the last", backend);
	tap_ok(time_of(db, t + 6) == t + 6, "%s: until the clock has caught up", backend);
	tap_ok(time_of(db, far) == far && time_of(db, t + 5) == far,
	       "%s: a clock that was a day ahead is waited for", backend);
	tap_ok(time_of(db, t + 4) == t + 4, "%s: and none that was further ahead", backend);
}

/* ---- at the same time */

static int append_often(void *ctx, int number)
{
	struct db *db = must_open();
	struct log *log = log_must_open(db);
	int i, good = 1;

	(void)ctx;
	for (i = 0; i < ROUNDS && good; i++)
		good = proves(log, db, log_add(db, number & 1 ? "first" : "second", 1 + i % 3,
					       10000 + 100 * (uint64_t)number));
	log_close(log, db);
	db_close(db);
	return !good;
}

struct shared {
	struct log *log;
	int good;
};

static void *append_thread(void *arg)
{
	struct shared *s = arg;
	struct db *db = must_open();
	int i;

	for (i = 0; i < ROUNDS && s->good; i++)
		s->good = proves(s->log, db, log_add(db, "first", 1, 20000));
	db_close(db);
	return NULL;
}

static void test_together(struct log *log, struct db *db)
{
	struct shared s[WRITERS];
	pthread_t threads[WRITERS];
	struct erot_checkpoint cp;
	uint64_t size;
	int i, good = 1;

	checkpoint(log, db, &cp);
	size = cp.size;
	tap_ok(test_processes(WRITERS, append_often, NULL) == WRITERS,
	       "%s: %d processes append and prove", backend, WRITERS);
	for (i = 0; i < ROUNDS; i++)
		size += WRITERS * (1 + (unsigned int)i % 3);
	tap_ok(log_is_whole(log, db, &base, size), "%s: no entry is lost, no stream has a gap",
	       backend);
	log_signatures = 0;
	for (i = 0; i < WRITERS; i++) {
		s[i] = (struct shared) { log, 1 };
		if (pthread_create(&threads[i], NULL, append_thread, &s[i]))
			test_bail("thread");
	}
	for (i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		good &= s[i].good;
	}
	tap_ok(good, "%s: %d threads append and prove", backend, WRITERS);
	size += WRITERS * ROUNDS;
	tap_ok(log_is_whole(log, db, &base, size), "%s: no entry is lost", backend);
	tap_ok(log_signatures <= WRITERS * ROUNDS + 1, "%s: %u signatures for %d answers", backend,
	       log_signatures, WRITERS * ROUNDS);
}

/* ---- rewritten */

static void test_rewritten(struct log *log, struct db *db)
{
	struct erot_checkpoint cp;
	struct erot_buf note = { 0 };
	struct log *again;
	struct erot_note_key other;
	char name[96];

	erot_note_key("derg.example/other", log_key.pk, &other, &err);
	snprintf(name, sizeof(name), "%s: the log of another name", backend);
	tap_refused(log_open(db, &other, log_test_sign, NULL, &again, &err), EINVAL, &err,
		    "log-origin", name);
	tap_ok(!checkpoint(log, db, &cp), "%s: a checkpoint is signed", backend);

	run(db, "UPDATE log_subtree SET hashes = (SELECT hashes FROM log_subtree WHERE node = 1) "
		"WHERE node = 0");
	/* a leaf is no part of a large tree's root until someone asks for its proof */
	snprintf(name, sizeof(name), "%s: an early entry that was changed", backend);
	{
		struct erot_buf proof = { 0 };
		uint8_t leaf[32];
		uint64_t index;

		log_leaf(db, 1, leaf);
		tap_ok(!log_prove(log, db, 1, &proof, &err) &&
		       erot_proof_open(proof.data, proof.len, &log_key, leaf, &index, &cp, &err) ==
		       -EKEYREJECTED, "%s: nobody can prove its neighbour", name);
		erot_buf_free(&proof);
		memset(&err, 0, sizeof(err));
	}
	run(db, "UPDATE log_subtree SET hashes = (SELECT hashes FROM log_subtree WHERE node = 0) "
		"WHERE node >= 576460752303423488 AND length(hashes) > 64");
	log_add(db, "first", 1, 1);
	snprintf(name, sizeof(name), "%s: a tree that was changed", backend);
	tap_refused(log_checkpoint(log, db, &note, &err), EUCLEAN, &err, "log-rewritten", name);
	tap_ok(!note.len, "%s: nothing is signed", name);
	log_close(log, db);
	tap_refused(log_open(db, &log_key, log_test_sign, NULL, &again, &err), EUCLEAN, &err,
		    "log-rewritten", name);
}

static int forge(struct db *db, void *ctx, struct erot_error *e)
{
	(void)ctx;
	return db_run(db, e, NULL, "DELETE FROM log_entry", DB_NO_ARGS) ?:
	       db_run(db, e, NULL, "DELETE FROM log_subtree", DB_NO_ARGS) ?:
	       db_run(db, e, NULL, "UPDATE log_head SET size = 0, peaks = $1",
		      DB_ARGS(db_blob("", 0))) ?:
	       db_run(db, e, NULL, "UPDATE log_stream SET next = 0, previous = $1",
		      DB_ARGS(db_blob((uint8_t[32]) { 0 }, 32))) ?:
	       db_run(db, e, NULL, "DELETE FROM log_checkpoint", DB_NO_ARGS);
}

/* A provider that writes its whole history anew is found out by whoever kept a checkpoint. */
static void test_history(void)
{
	struct erot_checkpoint kept, now;
	struct db *db = must_open();
	struct log *log = log_must_open(db);
	struct erot_buf note = { 0 };
	struct pair p = { 0 };
	char dir[128], size_text[24], root[65], *out;
	uint64_t size;

	db_transaction(db, 0, log_new_tenant, "first", &err);
	log_add(db, "first", 300, 0);
	tap_ok(!checkpoint(log, db, &kept), "%s: a checkpoint is kept", backend);
	tap_ok(!db_transaction(db, 0, forge, NULL, &err), "%s: history is written anew", backend);
	tap_refused(log_checkpoint(log, db, &note, &err), EUCLEAN, &err, "log-rewritten",
		    "a log that has become shorter");
	log_close(log, NULL);
	log = log_must_open(db);
	log_add(db, "first", 400, 0);
	tap_ok(!checkpoint(log, db, &now) && now.size == 400, "%s: and signed", backend);
	snprintf(dir, sizeof(dir), "%s/%s-forged", base.dir, backend);
	out = log_audit(log, db, dir, &size);
	tap_ok(out != NULL, "%s: it is whole in itself", backend);
	free(out);
	p.old = kept.size;
	p.new = now.size;
	tap_ok(!db_transaction(db, DB_READ, read_consistency, &p, &err), "%s: a proof", backend);
	tap_refused(erot_tlog_check_consistency(p.old, p.new, &p.proof, kept.root, now.root, &err),
		    EKEYREJECTED, &err, "log-consistency", "does not begin with the kept one");
	snprintf(size_text, sizeof(size_text), "%llu", (unsigned long long)kept.size);
	erot_hex(kept.root, 32, root);
	tap_ok(oracle(ORACLE("follow", dir, size_text, root), "", 0, &out) == 1,
	       "%s: the oracle says so too", backend);
	free(out);
	log_add(db, "first", 1, 400);
	tap_ok(!checkpoint(log, db, &now), "%s: one more checkpoint", backend);
	log_close(log, db);
	tap_ok(number(db, "SELECT size FROM log_checkpoint") == 401,
	       "%s: the newest one is stored in the end, and no other", backend);
	db_close(db);
}

/* ---- with the real key */

static int hsm_sign_note(void *ctx, const void *text, size_t len, uint8_t sig[64],
			 struct erot_error *e)
{
	return hsm_ed25519_sign(ctx, LOG_KEY, text, len, sig, e);
}

static void test_token(void)
{
	char conf[128], pin[128], tokens[128], text[256], uri[400];
	struct erot_note_key software = log_key;
	struct db *db = must_open();
	struct log *log;
	struct hsm h;
	uint8_t pk[32];

	snprintf(conf, sizeof(conf), "%s/softhsm2.conf", base.dir);
	snprintf(pin, sizeof(pin), "%s/pin", base.dir);
	snprintf(tokens, sizeof(tokens), "%s/tokens", base.dir);
	mkdir(tokens, 0700);
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", tokens);
	erot_write_file(conf, text, strlen(text), 0600, &err);
	erot_write_file(pin, "secret-pin\n", 11, 0600, &err);
	snprintf(uri, sizeof(uri), "pkcs11:token=test?module-path="
		 "/usr/lib/softhsm/libsofthsm2.so&pin-source=file:%s", pin);
	tap_ok(!hsm_start(&h, conf, &err) && !hsm_init(&h, uri, "12345678", 8, &err) &&
	       !hsm_open(&h, uri, &err) && !hsm_new_ed25519(&h, LOG_KEY, &err) &&
	       !hsm_ed25519_public(&h, LOG_KEY, pk, &err) &&
	       !erot_note_key(LOG_NAME, pk, &log_key, &err), "a key on a token");
	if (!tap_ok(!log_open(db, &log_key, hsm_sign_note, &h, &log, &err), "opens the log"))
		test_bail(err.text);
	tap_ok(proves(log, db, log_add(db, "first", 3, 0)), "and signs it");
	log_close(log, db);
	log_key = software;
	if (!tap_ok(!log_open(db, &log_key, hsm_sign_note, &h, &log, &err),
		    "a key that is not the log's"))
		test_bail(err.text);
	tap_refused(log_checkpoint(log, db, &(struct erot_buf){ 0 }, &err), EKEYREJECTED, &err,
		    "note-signature", "does not get out");
	log_close(log, db);
	hsm_stop(&h);
	db_close(db);
}

static void test_backend(void)
{
	struct db *db = must_open();
	struct log *log = log_must_open(db);
	uint64_t size;

	db_transaction(db, 0, log_new_tenant, "first", &err);
	db_transaction(db, 0, log_new_tenant, "second", &err);
	size = test_growth(log, db);
	test_entries(log, db, size);
	test_tiles(db);
	test_together(log, db);
	test_clocks(db);
	test_rewritten(log, db);
	db_close(db);
}

/* Three levels of tiles. */
static void test_large(void)
{
	struct db *db = must_open();
	struct log *log = log_must_open(db);

	db_transaction(db, 0, log_new_tenant, "first", &err);
	log_add(db, "first", 66000, 0);
	tap_ok(log_is_whole(log, db, &base, 66000), "%s: 66000 entries", backend);
	tap_ok(proves(log, db, 0) && proves(log, db, 65535) && proves(log, db, 65536),
	       "%s: and proofs in them", backend);
	log_close(log, db);
	db_close(db);
}

int main(void)
{
	test_base_start(&base);
	log_make_key();
	test_new_database(&base, "first");
	test_on_both(&base, test_backend);
	test_new_database(&base, "second");
	test_on_both(&base, test_history);
	test_token();
	test_new_database(&base, "third");
	test_on(&base, 0);
	test_large();
	EVP_PKEY_free(log_sk);
	test_base_stop(&base);
	return tap_done();
}
