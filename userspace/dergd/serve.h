/* SPDX-License-Identifier: GPL-2.0-only */
/* A server from its first signal to its last. */
#ifndef DERGD_SERVE_H
#define DERGD_SERVE_H

#include "dergd/http.h"

/**
 * serve_prepare() - what must happen before there are threads and children
 * @memory_lock: refuse to go on where memory cannot be locked
 * @err: "memory-lock", "secret-memory", "signals"
 *
 * Blocks the signals that serve() waits for, keeps the process out of core files and swap.
 *
 * Return: 0 or a negative errno.
 */
int serve_prepare(bool memory_lock, struct erot_error *err);

/**
 * serve() - listen, and do as signals say
 * @config: file that SIGHUP reads again
 * @settings: what was in it
 * @hooks: of the program
 * @metrics: made with the same routes
 * @err: as http_start()
 *
 * SIGHUP reloads, SIGTERM and SIGINT end it, and so does the end of a child.
 *
 * Return: 0 after a clean end; -ETIMEDOUT: see http_stop(); -ECHILD, "hsm-helper": a child has
 * ended; another negative errno: never served.
 */
int serve(const char *config, const struct settings *settings, const struct http_hooks *hooks,
	  struct metrics *metrics, struct erot_error *err);

#endif
