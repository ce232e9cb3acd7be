// SPDX-License-Identifier: GPL-2.0-only
/* The programs as somebody meets them who does something wrong: test_tools.sh with this build's. */
#include "common/tap.h"

int main(void)
{
	char self[4096], *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 1;
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	execl("/bin/bash", "bash", tap_source("userspace/dergd/test_tools.sh"), self, NULL);
	printf("Bail out! no bash\n");
	return 1;
}
