/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attester.conf:
 *
 *	derg = https://derg.example.org:8443
 *	ca = /etc/erot/derg-ca.pem		default: the system's
 *	tenant = default
 *	tpm = device:/dev/tpmrm0		as tpm2-tss names it
 *	software_key = /etc/erot/machine.pem	instead of a TPM; policies refuse it by default
 *	event_log = /sys/kernel/security/tpm0/binary_bios_measurements
 *	timeout = 60				seconds for one request
 */
#ifndef ATTESTER_CONFIG_H
#define ATTESTER_CONFIG_H

#include <limits.h>

#include <linux/erot_format.h>

#include "common/error.h"

#define ATTESTER_CONFIG_FILE	"/etc/erot/attester.conf"

/**
 * struct attester_config - parsed; "" for what is not said
 */
struct attester_config {
	char derg[1024];
	char ca[PATH_MAX];
	char tenant[EROT_TENANT_MAX + 1];
	char tpm[256];
	char software_key[PATH_MAX];
	char event_log[PATH_MAX];
	unsigned int timeout;
};

/* Codes as of erot_conf_parse(), "not-found", "io". */
int attester_config_read(const char *path, struct attester_config *c, struct erot_error *err);

#endif
