/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounds of the module. What formats allow stands in erot_format.h. */
#ifndef EROT_LIMITS_H
#define EROT_LIMITS_H

/* Sessions that exist at once, the dead and unacknowledged included. */
#define EROT_SESSIONS_MAX	16384

/* Seconds from NEW to RUNNING; a session that is not done by then dies. */
#define EROT_SETUP_SECONDS	300

/* Seconds from DEAD until plaintext that EROFS still holds is cut off. */
#define EROT_GRACE_SECONDS	5

/* Seconds that suspend and reboot wait for all plaintext to go: the grace, and time to cut off. */
#define EROT_SLEEP_SECONDS	(EROT_GRACE_SECONDS + 5)

/*
 * Readers of one payload that decrypt at once; each owns a chunk buffer. So many from ATTACH on,
 * for which it needs as many buffers, and more when they are needed: two for each processor,
 * within these bounds, since a reader may also wait for the disk.
 */
#define EROT_READERS		2
#define EROT_READERS_MIN	4
#define EROT_READERS_MAX	64

/*
 * Processors that help one read: with the reader's own as many as there are chunks in what EROFS
 * reads ahead. Each has one chunk and another to go on with, and the reader has one, for which
 * there are readers even if as many processors as there are help.
 */
#define EROT_HELPERS		7

/* Reads that go without help where it does not pay: at most two to this power, then one tries. */
#define EROT_SHY_MAX		6U

/* Verified tree chunks kept per session: the whole tree of an image of 2 GiB, 4 MiB. */
#define EROT_TREE_CACHE		256

/* Parts of one message that erot_hmac_sha256() and the HKDF take. */
#define EROT_PARTS_MAX		8

/* Bytes of the largest message opened in one go: an envelope with its wrapped key. */
#define EROT_GCM_MAX		(64 * 1024)

#endif /* EROT_LIMITS_H */
