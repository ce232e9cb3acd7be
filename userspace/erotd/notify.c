// SPDX-License-Identifier: GPL-2.0-only
/* Telling the service manager, as sd_notify(3) does; its protocol is stable and a datagram long. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "erotd/erotd.h"
#include "erotd/notify.h"

void erotd_notify_ready(void)
{
	static const char ready[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd;

	if (!len)
		return;
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(addr.sun_path)) {
		erotd_log("NOTIFY_SOCKET is not a socket's name");
		return;
	}
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&addr,
			     size) < 0)
		erotd_log("service manager: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	unsetenv("NOTIFY_SOCKET");	/* not for what erotd starts */
}
