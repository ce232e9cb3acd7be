// SPDX-License-Identifier: GPL-2.0-only
/* Users, limits, capabilities. Each function ends by reading back what it set. */
#define _GNU_SOURCE
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "erotd/privs.h"

static int say(struct erot_error *err, const char *what)
{
	int num = errno ?: EPERM;

	return erot_fail(err, num, "privs", "%s: %s", what, strerror(num));
}

int erotd_privs_root(struct erot_error *err)
{
	errno = 0;
	if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return say(err, "become root of the user namespace");
	return 0;
}

int erotd_privs_rlimits(const struct erot_manifest *m, struct erot_error *err)
{
	/*
	 * 1, not 0: a core-pattern pipe takes 0 for "no file" and pipes anyway, 1 it respects.
	 */
	struct rlimit core = { 1, 1 }, now;
	size_t i;

	if (setrlimit(RLIMIT_CORE, &core) || getrlimit(RLIMIT_CORE, &now))
		return erot_fail(err, errno, "rlimit", "RLIMIT_CORE: %s", strerror(errno));
	if (now.rlim_cur != 1 || now.rlim_max != 1)
		return erot_fail(err, EPERM, "rlimit", "RLIMIT_CORE: not what was set");
	for (i = 0; i < m->n_rlimits; i++) {
		struct rlimit r = { m->rlimits[i].soft, m->rlimits[i].hard };

		if (m->rlimits[i].type == RLIMIT_CORE)
			return erot_fail(err, EINVAL, "rlimit", "RLIMIT_CORE is not to be set");
		if (setrlimit((__rlimit_resource_t)m->rlimits[i].type, &r))
			return erot_fail(err, errno, "rlimit", "rlimit %d: %s", m->rlimits[i].type,
					 strerror(errno));
	}
	return 0;
}

static bool wanted(uint64_t mask, int cap)
{
	return mask >> cap & 1;
}

static int drop_bounding(uint64_t mask)
{
	int cap;

	for (cap = 0; cap < 64 && CAP_IS_SUPPORTED(cap); cap++) {
		if (wanted(mask, cap))
			continue;
		if (cap_drop_bound((cap_value_t)cap) || cap_get_bound((cap_value_t)cap) != 0)
			return -1;
	}
	return 0;
}

/* Permitted, effective, inheritable and ambient: the same set, so that it survives exec. */
static int set_capabilities(uint64_t mask)
{
	cap_t caps = cap_init();
	int cap, ret = -1;

	if (!caps)
		return -1;
	for (cap = 0; cap < 64 && CAP_IS_SUPPORTED(cap); cap++) {
		cap_value_t v = (cap_value_t)cap;

		if (wanted(mask, cap) &&
		    (cap_set_flag(caps, CAP_PERMITTED, 1, &v, CAP_SET) ||
		     cap_set_flag(caps, CAP_EFFECTIVE, 1, &v, CAP_SET) ||
		     cap_set_flag(caps, CAP_INHERITABLE, 1, &v, CAP_SET)))
			goto out;
	}
	if (cap_set_proc(caps) || cap_reset_ambient())
		goto out;
	for (cap = 0; cap < 64 && CAP_IS_SUPPORTED(cap); cap++)
		if (wanted(mask, cap) && cap_set_ambient((cap_value_t)cap, CAP_SET))
			goto out;
	ret = 0;
out:
	cap_free(caps);
	return ret;
}

static int verify_capabilities(uint64_t mask)
{
	cap_t caps = cap_get_proc();
	int cap, ret = -1;

	if (!caps)
		return -1;
	errno = EPERM;
	for (cap = 0; cap < 64 && CAP_IS_SUPPORTED(cap); cap++) {
		static const cap_flag_t sets[] = { CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE };
		cap_flag_value_t has;
		size_t i;

		for (i = 0; i < 3; i++)
			if (cap_get_flag(caps, (cap_value_t)cap, sets[i], &has) ||
			    (has == CAP_SET) != wanted(mask, cap))
				goto out;
		if ((cap_get_bound((cap_value_t)cap) == 1) != wanted(mask, cap) ||
		    (cap_get_ambient((cap_value_t)cap) == CAP_SET) != wanted(mask, cap))
			goto out;
	}
	ret = 0;
out:
	cap_free(caps);
	return ret;
}

static int verify_ids(const struct erot_manifest *m)
{
	uid_t u[3];
	gid_t g[3], more[2];

	errno = EPERM;
	if (getresuid(&u[0], &u[1], &u[2]) || getresgid(&g[0], &g[1], &g[2]))
		return -1;
	for (int i = 0; i < 3; i++)
		if (u[i] != m->uid || g[i] != m->gid)
			return -1;
	return getgroups(2, more) == 0 ? 0 : -1;
}

static int no_new_privs(struct erot_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return say(err, "no_new_privs");
	return 0;
}

int erotd_privs_drop(const struct erot_manifest *m, struct erot_error *err)
{
	errno = 0;
	/* CAP_SETPCAP goes last, with the rest. */
	if (drop_bounding(m->capabilities))
		return say(err, "capability bounding set");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return say(err, "PR_SET_KEEPCAPS");
	if (setgroups(0, NULL) || setresgid(m->gid, m->gid, m->gid) ||
	    setresuid(m->uid, m->uid, m->uid) || verify_ids(m))
		return say(err, "user and group");
	if (set_capabilities(m->capabilities) || verify_capabilities(m->capabilities))
		return say(err, "capabilities");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		return say(err, "PR_SET_KEEPCAPS");
	return no_new_privs(err);
}

int erotd_privs_keep(uint64_t mask, struct erot_error *err)
{
	errno = 0;
	if (drop_bounding(mask))
		return say(err, "capability bounding set");
	if (set_capabilities(mask) || verify_capabilities(mask))
		return say(err, "capabilities");
	return no_new_privs(err);
}
