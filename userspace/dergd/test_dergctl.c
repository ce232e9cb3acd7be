// SPDX-License-Identifier: GPL-2.0-only
/* dergctl: test_dergctl.py with the programs of this build. */
#include "common/tap.h"

int main(void)
{
	return tap_script("/usr/bin/python3", "userspace/dergd/test_dergctl.py");
}
