/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors of all kinds, and what can be tried with the module's own. */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include <stddef.h>
#include <stdint.h>

/* 0 or -errno. Makes damaged copies of both. */
int files_prepare(int payload_fd, int envelope_fd);

/* By number: mostly @right; else one of the module's own, none, a damaged copy, another kind. */
int files_get(unsigned int kind, int right, int session_fd, int image_fd);

/* @data, or a place beside it: where nothing is, what is read-only, half of each. */
void *files_pointer(unsigned int kind, void *data, size_t len);

/* One system call on a descriptor; -errno or 0. */
int files_use(int fd, unsigned int call, uint32_t a, uint32_t b);

/* Opens it anew through /proc, and uses what it got. */
int files_reopen(int fd, uint32_t flags, unsigned int call);

/* struct fx_box.instead: reads everything below @dir. */
int files_walk(const char *dir);

#endif
