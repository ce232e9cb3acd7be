// SPDX-License-Identifier: GPL-2.0-only
/* ewc show and dergctl show: test_show.py with the programs of this build. */
#include "common/tap.h"

int main(void)
{
	return tap_script("/usr/bin/python3", "userspace/dergd/test_show.py");
}
