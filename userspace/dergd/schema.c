// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables, once for both back ends. The dialect is SQLite's; PostgreSQL gets BIGINT for INTEGER,
 * BYTEA for BLOB, and no STRICT. Digests and keys are BLOB, times are seconds since 1970, and what
 * has not happened is NULL.
 *
 * The constraints are the last line of defence: whatever the code above does, a statement makes one
 * receipt, a receipt is released once and ended once, and a challenge serves one release.
 */
#include "dergd/db_priv.h"
#include "dergd/log_nodes.h"

#define ONE_ROW	"one INTEGER PRIMARY KEY CHECK (one = 1)"

static const char *const version_1[] = {
	/* ---- the transparency log; only log.c writes these */

	/* peaks: roots of the complete subtrees that @size entries make, largest first */
	"CREATE TABLE log_head (" ONE_ROW ","
	" origin TEXT NOT NULL,"
	" size INTEGER NOT NULL CHECK (size >= 0),"
	" peaks BLOB NOT NULL) STRICT",

	/* previous: leaf hash of the entry before number next */
	"CREATE TABLE log_stream ("
	" stream BLOB PRIMARY KEY CHECK (length(stream) = 32),"
	" next INTEGER NOT NULL CHECK (next >= 0),"
	" previous BLOB NOT NULL CHECK (length(previous) = 32)) STRICT",

	"CREATE TABLE log_entry ("
	" idx INTEGER PRIMARY KEY CHECK (idx >= 0),"
	" stream BLOB NOT NULL REFERENCES log_stream (stream),"
	" number INTEGER NOT NULL,"
	" kind INTEGER NOT NULL,"
	" subject BLOB CHECK (length(subject) = 32),"
	" entry BLOB NOT NULL,"
	" salt BLOB NOT NULL CHECK (length(salt) = 32),"
	" content BLOB NOT NULL,"
	" UNIQUE (stream, number)) STRICT",
	"CREATE INDEX log_entry_subject ON log_entry (subject, idx)",

	/* node: EROT_TLOG_NODE(level, index) */
	"CREATE TABLE log_node ("
	" node INTEGER PRIMARY KEY,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT",

	"CREATE TABLE log_checkpoint ("
	" size INTEGER PRIMARY KEY CHECK (size >= 0),"
	" root BLOB NOT NULL CHECK (length(root) = 32),"
	" note TEXT NOT NULL) STRICT",

	/* ---- who there is */

	/* digest: of the name, as in statements and receipts */
	"CREATE TABLE tenant ("
	" name TEXT PRIMARY KEY,"
	" digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),"
	" stream BLOB NOT NULL UNIQUE REFERENCES log_stream (stream),"
	" created INTEGER NOT NULL) STRICT",

	/* last_use: when the last launch that was authorised must have ended; 0: none was */
	"CREATE TABLE epoch ("
	" tenant TEXT NOT NULL REFERENCES tenant (name),"
	" number INTEGER NOT NULL CHECK (number > 0),"
	" state TEXT NOT NULL CHECK (state IN ('making', 'active', 'draining', 'destroyed')),"
	" created INTEGER NOT NULL,"
	" last_use INTEGER NOT NULL,"
	" PRIMARY KEY (tenant, number)) STRICT",

	/* fingerprint: SHA-256 of the TLS certificate; tenant NULL: administrator of all of them */
	"CREATE TABLE client ("
	" fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),"
	" tenant TEXT REFERENCES tenant (name),"
	" role TEXT NOT NULL CHECK (role IN ('administrator', 'customer')),"
	" label TEXT NOT NULL,"
	" order_cert BLOB,"
	" created INTEGER NOT NULL,"
	" CHECK (tenant IS NOT NULL OR role = 'administrator')) STRICT",

	/*
	 * id: SHA-256 of spki. secret: SHA-256 of what ActivateCredential must give, until
	 * secret_expires. enrolment: the record, JSON; enrolment_digest stands in statements.
	 */
	"CREATE TABLE machine ("
	" tenant TEXT NOT NULL REFERENCES tenant (name),"
	" id BLOB NOT NULL CHECK (length(id) = 32),"
	" state TEXT NOT NULL CHECK (state IN ('pending', 'enrolled', 'revoked')),"
	" software INTEGER NOT NULL CHECK (software IN (0, 1)),"
	" spki BLOB NOT NULL,"
	" ak_public BLOB,"
	" ek_cert BLOB,"
	" secret BLOB CHECK (length(secret) = 32),"
	" secret_expires INTEGER,"
	" enrolment TEXT,"
	" enrolment_digest BLOB CHECK (length(enrolment_digest) = 32),"
	" created INTEGER NOT NULL,"
	" enrolled INTEGER,"
	" revoked INTEGER,"
	" reset_count INTEGER,"
	" restart_count INTEGER,"
	" PRIMARY KEY (tenant, id),"
	" CHECK (state <> 'enrolled' OR (enrolment IS NOT NULL AND enrolment_digest IS NOT NULL)))"
	" STRICT",

	/* number: from 1, the highest is in force */
	"CREATE TABLE policy ("
	" tenant TEXT NOT NULL REFERENCES tenant (name),"
	" number INTEGER NOT NULL CHECK (number > 0),"
	" digest BLOB NOT NULL CHECK (length(digest) = 32),"
	" content BLOB NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY (tenant, number)) STRICT",
	"CREATE INDEX policy_digest ON policy (tenant, digest)",

	/* ---- what happens to a launch */

	"CREATE TABLE statement ("
	" digest BLOB PRIMARY KEY CHECK (length(digest) = 32),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" epoch INTEGER NOT NULL,"
	" cms BLOB NOT NULL,"
	" created INTEGER NOT NULL,"
	" FOREIGN KEY (tenant, machine) REFERENCES machine (tenant, id),"
	" FOREIGN KEY (tenant, epoch) REFERENCES epoch (tenant, number)) STRICT",
	"CREATE INDEX statement_machine ON statement (tenant, machine)",

	/* order_cms: the customer's consent, signed by order_cert; ends: last moment of a launch */
	"CREATE TABLE receipt ("
	" digest BLOB PRIMARY KEY CHECK (length(digest) = 32),"
	" statement BLOB NOT NULL UNIQUE REFERENCES statement (digest),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" epoch INTEGER NOT NULL,"
	" order_cms BLOB NOT NULL,"
	" order_cert BLOB NOT NULL,"
	" envelope BLOB NOT NULL,"
	" cms BLOB NOT NULL,"
	" not_before INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL,"
	" ends INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" FOREIGN KEY (tenant, machine) REFERENCES machine (tenant, id),"
	" FOREIGN KEY (tenant, epoch) REFERENCES epoch (tenant, number)) STRICT",
	"CREATE INDEX receipt_machine ON receipt (tenant, machine)",

	/* used: when; NULL: not yet */
	"CREATE TABLE challenge ("
	" challenge BLOB PRIMARY KEY CHECK (length(challenge) = 32),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" expires INTEGER NOT NULL,"
	" used INTEGER,"
	" FOREIGN KEY (tenant, machine) REFERENCES machine (tenant, id)) STRICT",
	"CREATE INDEX challenge_expires ON challenge (expires)",

	/*
	 * One row a receipt: it is spent. attestation: quote and signature, each behind its length;
	 * empty without a TPM. answer: sealed, the same for a retry. deadline: evidence is due by
	 * then.
	 */
	"CREATE TABLE release ("
	" receipt BLOB PRIMARY KEY REFERENCES receipt (digest),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" challenge BLOB NOT NULL UNIQUE REFERENCES challenge (challenge),"
	" session_pk BLOB NOT NULL CHECK (length(session_pk) = 32),"
	" boot_pk BLOB NOT NULL CHECK (length(boot_pk) = 32),"
	" host_state INTEGER NOT NULL,"
	" attestation BLOB NOT NULL,"
	" reset_count INTEGER,"
	" restart_count INTEGER,"
	" answer BLOB NOT NULL,"
	" log_idx INTEGER NOT NULL UNIQUE REFERENCES log_entry (idx),"
	" created INTEGER NOT NULL,"
	" deadline INTEGER NOT NULL,"
	" FOREIGN KEY (tenant, machine) REFERENCES machine (tenant, id)) STRICT",
	"CREATE INDEX release_deadline ON release (deadline)",
	"CREATE INDEX release_machine ON release (tenant, machine)",

	/* cms: the destruction record */
	"CREATE TABLE ending ("
	" receipt BLOB PRIMARY KEY REFERENCES release (receipt),"
	" evidence BLOB NOT NULL,"
	" attestation BLOB NOT NULL,"
	" cms BLOB NOT NULL,"
	" log_idx INTEGER NOT NULL UNIQUE REFERENCES log_entry (idx),"
	" created INTEGER NOT NULL) STRICT",

	/* closed: when, by late evidence or a quote with a higher reset count; NULL: not yet */
	"CREATE TABLE unaccounted ("
	" receipt BLOB PRIMARY KEY REFERENCES release (receipt),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" since INTEGER NOT NULL,"
	" closed INTEGER,"
	" attestation BLOB,"
	" FOREIGN KEY (tenant, machine) REFERENCES machine (tenant, id)) STRICT",
	"CREATE INDEX unaccounted_machine ON unaccounted (tenant, machine)",

	/* subject: receipt digest or machine id */
	"CREATE TABLE revocation ("
	" tenant TEXT NOT NULL REFERENCES tenant (name),"
	" kind TEXT NOT NULL CHECK (kind IN ('machine', 'receipt')),"
	" subject BLOB NOT NULL CHECK (length(subject) = 32),"
	" reason TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY (tenant, kind, subject)) STRICT",
	NULL
};

/* The tree's nodes, of which the log had a row each: see log_nodes.h. */
static const char *const version_2[] = {
	"CREATE TABLE log_subtree ("
	" node INTEGER PRIMARY KEY,"
	" hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 960"
	" AND length(hashes) % 32 = 0)) STRICT",
	NULL
};

static const char *const version_2_end[] = { "DROP TABLE log_node", NULL };

/* What is looked for in every request is found without a walk through all that ever was. */
static const char *const version_3[] = {
	"DROP INDEX challenge_expires",
	"CREATE INDEX challenge_unused ON challenge (expires) WHERE used IS NULL",

	/* releases without an end, until they have one or are in unaccounted */
	"CREATE TABLE open_launch ("
	" receipt BLOB PRIMARY KEY REFERENCES release (receipt),"
	" tenant TEXT NOT NULL,"
	" machine BLOB NOT NULL,"
	" deadline INTEGER NOT NULL) STRICT",
	"INSERT INTO open_launch (receipt, tenant, machine, deadline)"
	" SELECT l.receipt, l.tenant, l.machine, l.deadline FROM release l"
	" LEFT JOIN ending e ON e.receipt = l.receipt"
	" LEFT JOIN unaccounted u ON u.receipt = l.receipt"
	" WHERE e.receipt IS NULL AND u.receipt IS NULL",
	"CREATE INDEX open_launch_deadline ON open_launch (deadline)",
	"CREATE INDEX open_launch_machine ON open_launch (tenant, machine, deadline)",
	"DROP INDEX release_deadline",
	"DROP INDEX unaccounted_machine",
	"CREATE INDEX unaccounted_machine ON unaccounted (tenant, machine, closed)",

	/* enrolments that were not finished; and what may refer to a machine that is removed */
	"CREATE INDEX machine_pending ON machine (tenant, secret_expires) WHERE state = 'pending'",
	"CREATE INDEX challenge_machine ON challenge (tenant, machine)",
	NULL
};

static const struct db_step steps[DB_SCHEMA_VERSION] = {
	{ version_1, NULL, NULL },
	{ version_2, log_nodes_convert, version_2_end },
	{ version_3, NULL, NULL },
};

/**
 * db_schema_step() - how to get from one version to the next
 * @from: 0 to DB_SCHEMA_VERSION - 1
 *
 * Return: what is to be done.
 */
const struct db_step *db_schema_step(int from)
{
	return &steps[from];
}
