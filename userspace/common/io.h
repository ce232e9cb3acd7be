/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole reads and writes, whole files, hexadecimal. */
#ifndef EROT_COMMON_IO_H
#define EROT_COMMON_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/**
 * erot_read_full() - read @len bytes, over EINTR and short reads
 *
 * Return: 0; -ENODATA when the end came first (also before the first byte); else -errno.
 */
int erot_read_full(int fd, void *buf, size_t len);
int erot_pread_full(int fd, void *buf, size_t len, uint64_t off);

/* Return: 0 or -errno. A closed pipe gives -EPIPE if the caller ignores SIGPIPE. */
int erot_write_full(int fd, const void *buf, size_t len);
int erot_pwrite_full(int fd, const void *buf, size_t len, uint64_t off);

/**
 * erot_read_fd() - everything up to the end
 * @fd:   file, pipe or socket
 * @name: for messages
 * @max:  bytes; more is an error (-EFBIG, code "too-big"), not a cut
 * @data: to be freed with erot_wipe_free(); one zero byte stands behind the end
 * @len:  bytes
 * @err:  codes "io", "too-big", "no-memory"
 *
 * Return: 0 or -errno.
 */
int erot_read_fd(int fd, const char *name, size_t max, uint8_t **data, size_t *len,
		 struct erot_error *err);

/* The same of a file: opened with O_CLOEXEC | O_NOCTTY. -ENOENT has code "not-found". */
int erot_read_file(const char *path, size_t max, uint8_t **data, size_t *len,
		   struct erot_error *err);

/**
 * erot_write_file() - replace a file at once, or not at all
 * @path: written as a temporary file beside it, synced, renamed over it
 * @data: bytes
 * @len:  of them
 * @mode: permission bits, not subject to the umask
 * @err:  code "io"
 *
 * Return: 0 or -errno.
 */
int erot_write_file(const char *path, const void *data, size_t len, mode_t mode,
		    struct erot_error *err);

/* Like erot_write_file(), but -EEXIST (code "exists") where @path exists already. */
int erot_create_file(const char *path, const void *data, size_t len, mode_t mode,
		     struct erot_error *err);

/* Lower case; @out has room for 2 * @len + 1. Returns @out. */
char *erot_hex(const void *data, size_t len, char *out);

/**
 * erot_unhex() - exactly @len bytes of hexadecimal, either case, nothing else
 *
 * Return: 0 or -EINVAL.
 */
int erot_unhex(const char *text, void *out, size_t len);

/**
 * erot_parse_u64() - decimal number, no sign, no blanks, nothing behind it
 *
 * Return: 0, -EINVAL, or -ERANGE when above @max.
 */
int erot_parse_u64(const char *text, uint64_t max, uint64_t *out);

#endif /* EROT_COMMON_IO_H */
