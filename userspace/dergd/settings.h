/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dergd.conf, the HTTPS server's part of the configuration: see Documentation/man/dergd.8. What the
 * DERG decides by stands in derg.conf, in its directory (config.h).
 */
#ifndef DERGD_SETTINGS_H
#define DERGD_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

#define SETTINGS_FILE "/etc/erot/dergd.conf"

/**
 * struct settings - what the file says; texts are "" where it says nothing
 * @listen: "address:port", "[address]:port"
 * @certificate: chain of the server, PEM
 * @key: of it, PEM
 * @client_ca: PEM; client certificates must be issued by one of these, besides being known
 * @directory: of the DERG, as dergctl init made it, with derg.conf
 * @memory_lock: refuse to start where memory cannot be locked
 *
 * @workers: threads for handlers
 * @max_connections: at once
 * @max_per_address: connections of one IPv4 address or IPv6 /64
 * @max_header: bytes of a request's line and header together
 * @max_queue: requests that wait for a worker
 * @max_body_memory: bytes of all bodies being read together; one address has a quarter of it
 *
 * @header_timeout: seconds from the connection (TLS included) to the end of the first header
 * @body_timeout: seconds from the header's end to the body's
 * @send_timeout: seconds for the answer to be taken
 * @idle_timeout: seconds from an answer to the end of the next header
 * @drain_timeout: seconds for what runs when the service stops
 */
struct settings {
	char listen[128];
	char certificate[PATH_MAX];
	char key[PATH_MAX];
	char client_ca[PATH_MAX];
	char directory[PATH_MAX];
	bool memory_lock;

	unsigned int workers;
	unsigned int max_connections;
	unsigned int max_per_address;
	unsigned int max_header;
	unsigned int max_queue;
	unsigned int max_body_memory;

	unsigned int header_timeout;
	unsigned int body_timeout;
	unsigned int send_timeout;
	unsigned int idle_timeout;
	unsigned int drain_timeout;
};

/**
 * settings_parse() - read a configuration whole
 * @err: as erot_conf_parse()
 *
 * Return: 0, -EINVAL or -ENOMEM; @out is written on success only.
 */
int settings_parse(const char *text, size_t len, const char *name, struct settings *out,
		   struct erot_error *err);

/* The same of a file; also -ENOENT, "not-found", and "io". */
int settings_read(const char *path, struct settings *out, struct erot_error *err);

/**
 * settings_reloadable() - may a running service go from @old to @new?
 * @err: "config-restart": names the first key that needs a restart
 *
 * Return: 0 or -EBUSY.
 */
int settings_reloadable(const struct settings *old, const struct settings *new,
			struct erot_error *err);

#endif
