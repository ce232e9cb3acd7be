/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What systemd says to a service and hears from it: two environment variables and a datagram each.
 * By hand, because libsystemd would bring five libraries into a process that should stay small.
 */
#ifndef DERGD_NOTIFY_H
#define DERGD_NOTIFY_H

/**
 * notify_send() - tell the service manager; nothing happens where there is none
 * @text: "READY=1", lines as in sd_notify(3)
 */
void notify_send(const char *text);

/* The same of RELOADING=1 with the time that sd_notify(3) wants beside it. */
void notify_reloading(void);

/**
 * notify_listener() - the socket that systemd listens on for us
 *
 * Return: a descriptor, close-on-exec and non-blocking; -1: there is none; -EINVAL: not exactly
 * one, or no listening stream socket.
 */
int notify_listener(void);

#endif
