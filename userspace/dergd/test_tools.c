// SPDX-License-Identifier: GPL-2.0-only
/* The programs as somebody meets them who does something wrong: test_tools.sh with this build's. */
#include "common/tap.h"

int main(void)
{
	return tap_script("/bin/bash", "userspace/dergd/test_tools.sh");
}
