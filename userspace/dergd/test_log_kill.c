// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers that are killed under load. What was answered stays: the entry at its index, the receipt
 * spent by it and by no other, and every checkpoint a prefix of the log.
 */
#include "dergd/test_log.h"

#include <pthread.h>

#define KILLS		50
#define WRITERS		2
#define THREADS		3	/* of each */
#define ANSWERS_MAX	65536

/**
 * struct answer - what a writer says, in one write() and only when it would have answered
 * @receipt: number of what was spent
 * @index:   of its log entry
 * @leaf:    of it
 * @size:    of the checkpoint
 * @root:    of it
 */
struct answer {
	uint64_t receipt;
	uint64_t index;
	uint8_t leaf[32];
	uint64_t size;
	uint8_t root[32];
};

static struct answer answers[ANSWERS_MAX];
static size_t count;

struct spending {
	uint64_t receipt;
	uint64_t index;
	int again;
};

/* As a release does it: look, spend, log, all in one transaction. */
static int spend(struct db *db, void *ctx, struct erot_error *e)
{
	struct spending *s = ctx;
	struct append a = { .tenant = s->receipt & 1 ? "first" : "second", .count = 1,
			    .number = s->receipt };
	struct db_rows *rows;
	int ret;

	db_query(db, e, &rows, "SELECT idx FROM t_spent WHERE receipt = $1",
		 DB_ARGS(db_int((int64_t)s->receipt)));
	s->again = db_next(rows);
	if (s->again)
		s->index = (uint64_t)db_get_int(rows, 0);
	ret = db_end(rows, e);
	if (ret || s->again)
		return ret;
	ret = log_appends(db, &a, e);
	s->index = a.index;
	return ret ?: db_run(db, e, NULL, "INSERT INTO t_spent (receipt, idx) VALUES ($1, $2)",
			     DB_ARGS(db_int((int64_t)s->receipt), db_int((int64_t)a.index)));
}

/**
 * struct writer - threads of one process, which commit together
 * @to:    answers
 * @first: receipt
 */
struct writer {
	int to;
	uint64_t first;
	struct log *log;
	struct db_group *group;
};

/* All writers want the same receipts, in the same order. */
static void *write_until_killed(void *ctx)
{
	struct writer *w = ctx;
	struct db *db = must_open();
	struct erot_checkpoint cp;
	struct erot_error e;
	struct spending s;
	struct answer a;
	uint64_t index;

	db_join(db, w->group);
	for (s.receipt = w->first;; s.receipt++) {
		struct erot_buf proof = { 0 };

		if (db_transaction(db, DB_RESUME | DB_SHARED, spend, &s, &e) ||
		    log_prove(w->log, db, s.index, &proof, &e) || log_leaf(db, s.index, a.leaf) ||
		    erot_proof_open(proof.data, proof.len, &log_key, a.leaf, &index, &cp, &e)) {
			printf("# %s: %s\n", e.code, e.text);
			fflush(stdout);
			_exit(1);
		}
		a.receipt = s.receipt;
		a.index = index;
		a.size = cp.size;
		memcpy(a.root, cp.root, 32);
		if (write(w->to, &a, sizeof(a)) != sizeof(a))
			_exit(0);
		erot_buf_free(&proof);
	}
	return NULL;
}

static void be_writer(int to, uint64_t first)
{
	struct db *db = must_open();
	struct writer w = { to, first, log_must_open(db), db_group_new() };
	pthread_t thread;
	int i;

	for (i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, write_until_killed, &w))
			_exit(1);
	write_until_killed(&w);
}

/* One round: the writers run until some answers have come, then die in the middle of something. */
static int kill_round(unsigned int round)
{
	struct timespec delay = { .tv_nsec = 0 };
	uint64_t first = count ? answers[count - 1].receipt + 1 : 0;
	size_t want = count + 4 + round % 5;
	int ends[2], i, status, died = 1;
	pid_t pids[WRITERS];
	uint32_t random;

	if (pipe(ends))
		test_bail("pipe");
	fflush(stdout);
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			close(ends[0]);
			be_writer(ends[1], first);
		}
	}
	close(ends[1]);
	while (count < want && count < ANSWERS_MAX &&
	       read(ends[0], &answers[count], sizeof(struct answer)) == sizeof(struct answer))
		count++;
	erot_random(&random, sizeof(random));
	delay.tv_nsec = random % 8000000;	/* anywhere in the next transactions */
	nanosleep(&delay, NULL);
	for (i = 0; i < WRITERS; i++) {
		kill(pids[i], SIGKILL);
		status = test_wait(pids[i]);
		died &= WIFSIGNALED(status);
	}
	/* what they said before counts too */
	while (count < ANSWERS_MAX &&
	       read(ends[0], &answers[count], sizeof(struct answer)) == sizeof(struct answer))
		count++;
	close(ends[0]);
	return died && count >= want;
}

/**
 * struct check - of all answers, in one snapshot
 * @lost:    answered, and not in the log at that place
 * @doubled: one receipt, two answers
 * @forked:  checkpoints that the log does not continue
 */
struct check {
	unsigned int lost, doubled, forked;
};

static int check_answers(struct db *db, void *ctx, struct erot_error *e)
{
	struct check *c = ctx;
	uint8_t root[32], leaf[32];
	struct log_record r;
	size_t i;
	int ret;

	*c = (struct check) { 0 };
	for (i = 0; i < count; i++) {
		ret = log_read(db, answers[i].index, &r, e);
		if (ret)
			return ret;
		free(r.content);
		if (erot_tlog_leaf(&r.entry, sizeof(r.entry), leaf) ||
		    memcmp(leaf, answers[i].leaf, 32) ||
		    memcmp(r.subject, &answers[i].receipt, sizeof(uint64_t)))
			c->lost++;
		if (i && answers[i].receipt == answers[i - 1].receipt &&
		    answers[i].index != answers[i - 1].index)
			c->doubled++;
		ret = log_root(db, answers[i].size, root, e);
		if (ret)
			return ret;
		c->forked += memcmp(root, answers[i].root, 32) != 0;
	}
	return 0;
}

static int by_receipt(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	return x->receipt < y->receipt ? -1 : x->receipt > y->receipt;
}

static struct test_base base;

static void test_kills(void)
{
	struct db *db = must_open();
	struct log *log = log_must_open(db);
	struct check c = { 0 };
	unsigned int i, rounds = 0;
	char dir[128], *out;
	uint64_t size = 0;

	count = 0;
	run(db, "CREATE TABLE t_spent (receipt BIGINT PRIMARY KEY, idx BIGINT NOT NULL UNIQUE)");
	db_transaction(db, 0, log_new_tenant, "first", &err);
	db_transaction(db, 0, log_new_tenant, "second", &err);
	for (i = 0; i < KILLS; i++)
		rounds += (unsigned int)kill_round(i);
	tap_ok(rounds == KILLS, "%s: writers killed %u times, %zu answers", backend, rounds,
	       count);
	qsort(answers, count, sizeof(answers[0]), by_receipt);
	tap_ok(!db_transaction(db, DB_READ, check_answers, &c, &err) && !c.lost,
	       "%s: %u of %zu answered entries are lost", backend, c.lost, count);
	tap_ok(!c.doubled, "%s: %u receipts were spent twice", backend, c.doubled);
	tap_ok(!c.forked, "%s: %u checkpoints are not of this log", backend, c.forked);
	tap_ok(number(db, "SELECT count(*) FROM t_spent s JOIN log_entry e ON e.idx = s.idx") ==
	       number(db, "SELECT count(*) FROM log_entry") &&
	       number(db, "SELECT count(*) FROM log_entry") ==
	       number(db, "SELECT size FROM log_head"),
	       "%s: every entry spends one receipt, every receipt has its entry", backend);
	snprintf(dir, sizeof(dir), "%s/%s-killed", base.dir, backend);
	out = log_audit(log, db, dir, &size);
	tap_ok(out && (int64_t)size == number(db, "SELECT size FROM log_head"),
	       "%s: the oracle reads all %llu", backend, (unsigned long long)size);
	free(out);
	if (!strcmp(backend, "sqlite"))
		tap_ok(number(db, "SELECT count(*) FROM pragma_integrity_check "
			      "WHERE integrity_check <> 'ok'") == 0, "sqlite: file is sound");
	log_close(log, db);
	db_close(db);
}

int main(void)
{
	test_base_start(&base);
	test_new_database(&base, "killed");
	log_make_key();
	test_on_both(&base, test_kills);
	EVP_PKEY_free(log_sk);
	test_base_stop(&base);
	return tap_done();
}
