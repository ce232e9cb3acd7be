// SPDX-License-Identifier: GPL-2.0-only
/* The order of the checks before a release: what comes first is told first, and documented so. */
#include "dergd/test_attested.h"

#define ROWS_MAX 64

static struct box one, two;
static struct erot_release release;

/* ---- the tables of release_checks.c and Documentation/provider.rst */

struct row {
	char check[24], code[40];
};

struct table {
	struct row rows[ROWS_MAX];
	unsigned int n;
};

static void add_row(struct table *t, const char *check, const char *code, size_t len)
{
	struct row *r = &t->rows[t->n];

	if (t->n == ROWS_MAX || len >= sizeof(r->code))
		test_die("table is too long");
	snprintf(r->check, sizeof(r->check), "%s", check);
	snprintf(r->code, sizeof(r->code), "%.*s", (int)len, code);
	t->n++;
}

static char *read_text(const char *path)
{
	uint8_t *data;
	char *text;
	size_t len;

	must(erot_read_file(tap_source(path), 1 << 20, &data, &len, &err));
	text = strndup((char *)data, len);
	free(data);
	return text;
}

/* " *\tcheck\t\"code\", \"code\"", going on in lines that begin with two tabs. */
static void read_comment(struct table *t)
{
	char *text = read_text("userspace/dergd/release_checks.c"), *save = NULL, *line, *p, *end;
	char check[24] = "";

	*strstr(text, "#include") = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, " *\t", 3))
			continue;
		if (line[3] != '\t')
			snprintf(check, sizeof(check), "%.*s", (int)strcspn(line + 3, "\t "),
				 line + 3);
		for (p = strchr(line, '"'); p; p = strchr(end + 1, '"')) {
			end = strchr(p + 1, '"');
			add_row(t, check, p + 1, end - p - 1);
		}
	}
	free(text);
}

/* "   * - check" and on the next line "     - ``code``". */
static void read_document(struct table *t)
{
	char *text = read_text("Documentation/provider.rst"), *save = NULL, *line, *end;
	char check[24] = "";

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "   * - ", 7)) {
			snprintf(check, sizeof(check), "%s", line + 7);
		} else if (check[0] && !strncmp(line, "     - ``", 9)) {
			end = strstr(line + 9, "``");
			add_row(t, check, line + 9, end - line - 9);
			check[0] = '\0';
		}
	}
	free(text);
}

static void test_tables(void)
{
	static struct table comment, document;
	unsigned int i;

	read_comment(&comment);
	read_document(&document);
	tap_ok(comment.n > 30 && comment.n == document.n, "%u codes in the source, %u documented",
	       comment.n, document.n);
	for (i = 0; i < comment.n && i < document.n; i++)
		if (strcmp(comment.rows[i].check, document.rows[i].check) ||
		    strcmp(comment.rows[i].code, document.rows[i].code))
			break;
	if (!tap_ok(i == comment.n, "in the same order"))
		printf("# row %u: %s %s, documented %s %s\n", i, comment.rows[i].check,
		       comment.rows[i].code, document.rows[i].check, document.rows[i].code);
}

/* ---- dry runs */

struct verdicts {
	struct table table;
	int ret[ROWS_MAX];
};

static void tell(void *ctx, const char *check, int ret, const struct erot_error *e)
{
	struct verdicts *v = ctx;

	v->ret[v->table.n] = ret;
	add_row(&v->table, check, e->code, strlen(e->code));
}

static int dry(struct launch *l, uint64_t when, struct verdicts *v)
{
	memset(v, 0, sizeof(*v));
	return derg_release_dry(&derg, &l->req, when, tell, v, &err);
}

static const char *const order[] = {
	"receipt", "machine", "policy", "quote", "challenge", "state", "validity", "host", "order",
	"epoch", "revocation", "spent", "unaccounted",
};

#define CHECKS (sizeof(order) / sizeof(*order))

static bool in_order(const struct verdicts *v)
{
	unsigned int i;

	for (i = 0; i < v->table.n && i < CHECKS && !strcmp(v->table.rows[i].check, order[i]); i++)
		;
	return i == CHECKS && v->table.n == CHECKS;
}

static const char *verdict_of(const struct verdicts *v, const char *check)
{
	unsigned int i;

	for (i = 0; i < v->table.n; i++)
		if (!strcmp(v->table.rows[i].check, check))
			return v->ret[i] == -ECANCELED ? "-" : v->table.rows[i].code;
	return "?";
}

static void test_dry(void)
{
	static struct verdicts v;
	struct launch l;
	int64_t before;
	unsigned int i;

	launch_ready(&l, "dry", &one);
	before = all_entries();
	tap_ok(!dry(&l, now, &v) && in_order(&v), "a dry run tells every check, in order");
	for (i = 0; i < CHECKS && !v.ret[i]; i++)
		;
	tap_ok(i == CHECKS, "and that all of them hold");
	l.req.session_pk[0] ^= 1;
	tap_refused(dry(&l, l.r.not_after + 1, &v), EKEYREJECTED, &err, "quote-qualifying-data",
		    "it returns what a release would");
	tap_ok(in_order(&v) && !strcmp(verdict_of(&v, "quote"), "quote-qualifying-data") &&
	       !strcmp(verdict_of(&v, "challenge"), "challenge-expired") &&
	       !strcmp(verdict_of(&v, "state"), "-") &&
	       !strcmp(verdict_of(&v, "validity"), "receipt-expired") &&
	       !strcmp(verdict_of(&v, "unaccounted"), "-") &&
	       !strcmp(verdict_of(&v, "spent"), ""),
	       "it goes on behind a failure, but not with what builds on it");
	l.req.session_pk[0] ^= 1;
	l.req.tenant = "default";
	tap_refused(dry(&l, now, &v), EPERM, &err, "tenant-mismatch", "whose receipt");
	tap_ok(v.table.n == CHECKS && !strcmp(verdict_of(&v, "machine"), "-") &&
	       !strcmp(verdict_of(&v, "order"), "-"), "nothing is told about another tenant's");
	l.req.tenant = l.tenant;
	l.req.receipt_len--;
	tap_ok(dry(&l, now, &v) && v.table.n == 1 && !strncmp(err.code, "cms-", 4),
	       "a receipt that is none");
	l.req.receipt_len++;
	tap_ok(all_entries() == before, "nothing is logged");
	tap_ok(query("SELECT count(*) FROM challenge WHERE challenge = $1 AND used IS NULL",
		     DB_ARGS(db_blob(l.challenge.challenge, 32))) == 1 &&
	       query("SELECT count(*) FROM release WHERE receipt = $1",
		     DB_ARGS(db_blob(l.r.digest, 32))) == 0, "nothing is spent");
	tap_ok(!launch_release(&l, now, &release), "the release is still to be had");
	launch_free(&l);
}

/* ---- everything is wrong at once, and is put right from the first check on */

static void put_policy(const char *tenant, const char *text)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	must(policies_put(&derg, tenant, text, strlen(text), now, digest, &err));
}

#define REFUSED(num, code) \
	tap_refused(launch_release(&l, when, &release), num, &err, code, "next")
#define SQL(...)	query(__VA_ARGS__)

static void test_order(void)
{
	/* what the receipt demands must not be what the policy demands already */
	struct erot_learn how = { .mask = POLICY_PCRS, .boot_pcr = BOOT_PCR,
				  .host = EROT_HOST_ATTESTED, .max_unaccounted = 0 };
	char *text, *other;
	struct launch l, overdue;
	uint64_t when;
	uint8_t key[EROT_KEY_SIZE], *damaged;

	make_tenant("order");
	must(erot_policy_learn(&how, &one.state, 1, &text, &err));
	put_policy("order", text);
	enrol("order", &one);
	enrol("order", &two);
	launch_make(&overdue, "order", &one);
	must(launch_release(&overdue, now, &release));
	launch_make(&l, "order", &one);
	must(launch_release(&l, now, &release));
	memcpy(key, l.req.session_pk, sizeof(key));

	when = l.r.not_after + 1;
	l.req.tenant = "default";
	l.req.machine = two.id;
	SQL("UPDATE machine SET state = 'revoked' WHERE tenant = $1 RETURNING 1",
	    DB_ARGS(db_text("order")));
	how.optional_log = true;
	must(erot_policy_learn(&how, &one.state, 1, &other, &err));
	put_policy("order", other);
	l.req.session_pk[0] ^= 1;
	SQL("UPDATE challenge SET machine = $1 WHERE challenge = $2 RETURNING 1",
	    DB_ARGS(db_blob(two.id, 32), db_blob(l.challenge.challenge, 32)));
	l.req.state.host = 0;
	l.req.state.event_log_len = 0;
	SQL("DELETE FROM client WHERE tenant = $1 RETURNING 1", DB_ARGS(db_text("order")));
	SQL("UPDATE epoch SET state = 'destroyed' WHERE tenant = $1 RETURNING 1",
	    DB_ARGS(db_text("order")));
	SQL("INSERT INTO revocation (tenant, kind, subject, reason, created) "
	    "VALUES ($1, 'receipt', $2, 'x', 1) RETURNING 1",
	    DB_ARGS(db_text("order"), db_blob(l.r.digest, 32)));

	l.req.receipt = l.order;
	l.req.receipt_len = l.order_len;
	REFUSED(ENOKEY, "cms-signer");
	l.req.receipt = l.receipt.cms;
	l.req.receipt_len = l.receipt.cms_len;
	REFUSED(EPERM, "tenant-mismatch");
	l.req.tenant = "order";
	REFUSED(EPERM, "machine-mismatch");
	l.req.machine = one.id;
	REFUSED(EPERM, "machine-revoked");
	SQL("UPDATE machine SET state = 'enrolled' WHERE tenant = $1 RETURNING 1",
	    DB_ARGS(db_text("order")));
	REFUSED(EPERM, "policy-changed");
	put_policy("order", text);
	REFUSED(EKEYREJECTED, "quote-qualifying-data");
	launch_quote(&l);
	REFUSED(EPERM, "challenge-machine");
	SQL("UPDATE challenge SET machine = $1, used = NULL WHERE challenge = $2 RETURNING 1",
	    DB_ARGS(db_blob(one.id, 32), db_blob(l.challenge.challenge, 32)));
	l.req.state.event_log_len = one.log.len;
	REFUSED(EKEYREJECTED, "host-state");		/* of the policy */
	l.req.state.host = EROT_HOST_ATTESTED;
	launch_quote(&l);
	REFUSED(EKEYEXPIRED, "receipt-expired");
	when = now;
	REFUSED(EPERM, "host-state");			/* of the receipt */
	l.req.state.host = EROT_HOST_ALL;
	launch_quote(&l);
	REFUSED(ENOENT, "order-customer");
	/* those that are damaged, before and behind the key, are nobody's, and in nobody's way */
	query("INSERT INTO client (fingerprint, tenant, role, label, order_cert, created) "
	      "VALUES ($1, 'order', 'customer', 'y', $2, 1) RETURNING 1",
	      DB_ARGS(db_blob(one.id, 32), db_blob(customer_der, customer_der_len / 2)));
	REFUSED(ENOENT, "order-customer");
	damaged = memcpy(malloc(customer_der_len), customer_der, customer_der_len);
	damaged[customer_der_len - 384 - 5] ^= 1;	/* tag of the signature */
	query("INSERT INTO client (fingerprint, tenant, role, label, order_cert, created) "
	      "VALUES ($1, 'order', 'customer', 'z', $2, 1) RETURNING 1",
	      DB_ARGS(db_blob(two.id, 32), db_blob(damaged, customer_der_len)));
	free(damaged);
	REFUSED(ENOENT, "order-customer");
	query("INSERT INTO client (fingerprint, tenant, role, label, order_cert, created) "
	      "VALUES ($1, 'order', 'customer', 'x', $2, 1) RETURNING 1",
	      DB_ARGS(db_blob(key, 32), db_blob(customer_der, customer_der_len)));
	REFUSED(EPERM, "epoch-destroyed");
	SQL("UPDATE epoch SET state = 'draining' WHERE tenant = $1 RETURNING 1",
	    DB_ARGS(db_text("order")));
	REFUSED(EPERM, "receipt-revoked");
	SQL("DELETE FROM revocation WHERE subject = $1 RETURNING 1",
	    DB_ARGS(db_blob(l.r.digest, 32)));
	REFUSED(EPERM, "receipt-spent");
	memcpy(l.req.session_pk, key, sizeof(key));
	launch_quote(&l);
	SQL("UPDATE open_launch SET deadline = 1 WHERE receipt = $1 RETURNING 1",
	    DB_ARGS(db_blob(overdue.r.digest, 32)));
	REFUSED(EPERM, "machine-unaccounted");
	SQL("UPDATE open_launch SET deadline = $2 WHERE receipt = $1 RETURNING 1",
	    DB_ARGS(db_blob(overdue.r.digest, 32), db_int(now)));
	tap_ok(!launch_release(&l, when, &release), "and then it is granted");
	free(text);
	free(other);
	launch_free(&l);
	launch_free(&overdue);
}

int main(void)
{
	test_begin();
	test_authority("maker");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	derg_begin("maker", NULL);
	test_tables();
	test_dry();
	test_order();
	derg_end();
	return tap_done();
}
