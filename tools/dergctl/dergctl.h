/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DERGCTL_H
#define DERGCTL_H

#include "common/cli.h"
#include "dergd/authority.h"

/* --dir, made absolute */
extern char dergctl_dir[PATH_MAX];

int dergctl_try(struct derg *d, struct erot_error *err);
int dergctl_open(struct derg *d);
void dergctl_close(struct derg *d);

/* policy_store.c: exit codes */
int dergctl_policy_put(const char *tenant, const char *path);
int dergctl_policy_show(const char *tenant);

int cmd_init(int argc, char **argv);
int cmd_derive(int argc, char **argv);
int cmd_receipt(int argc, char **argv);
int cmd_provider(int argc, char **argv);
int cmd_epoch(int argc, char **argv);
int cmd_client(int argc, char **argv);
int cmd_machine(int argc, char **argv);
int cmd_check_evidence(int argc, char **argv);
int cmd_policy(int argc, char **argv);

#endif
