/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ends of sessions: waits for the evidence, has the provider turn it into a destruction record,
 * stores that, and only then lets the module forget the session. Goes on over restarts: what is
 * owed is the receipts in the state directory.
 */
#ifndef EROTD_REPORT_H
#define EROTD_REPORT_H

#include "erotd/erotd.h"

/**
 * erotd_report_expect() - a session was provisioned, so its end has to be reported
 * @launch: told by erotd_launch_reported(), or NULL
 * @err:    "loop", "no-memory"
 */
int erotd_report_expect(struct erotd *d, const uint8_t id[EROT_ID_SIZE],
			struct erotd_launch *launch, struct erot_error *err);

/* PROVISION was refused: there will be no evidence. */
void erotd_report_cancel(struct erotd *d, const uint8_t id[EROT_ID_SIZE]);

/* The session has ended: look for its evidence. */
void erotd_report_ended(struct erotd *d, const uint8_t id[EROT_ID_SIZE]);

/* The launch goes away; the report goes on. */
void erotd_report_detach(struct erotd *d, struct erotd_launch *launch);

/* What an earlier erotd left. Receipts of sessions that the module does not know are set aside. */
int erotd_report_recover(struct erotd *d, struct erot_error *err);

/* How many ends the provider has not taken yet, and how many launches have no evidence. */
void erotd_report_count(const struct erotd *d, unsigned int *owed, unsigned int *unaccounted);

/* Whether every end was reported at least once, and none waits to be for the first time. */
bool erotd_report_idle(const struct erotd *d);

void erotd_report_free_all(struct erotd *d);

#endif /* EROTD_REPORT_H */
