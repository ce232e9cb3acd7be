// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "liberot/names.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const char *const isolation_names[] = {
	"user-ns", "pid-ns", "mnt-ns", "net-ns", "ipc-ns", "uts-ns", "cgroup-ns", "memory-max",
	"swap-zero", "no-new-privs", "seccomp",
};

static const char *const host_names[] = {
	"attested", "lockdown", "init-on-free", "no-swap", "no-crash-kernel", "boot-key-in-pcr",
};

_Static_assert((1U << COUNT(isolation_names)) - 1 == EROT_ISO_ALL, "a name for each bit");
_Static_assert((1U << COUNT(host_names)) - 1 == EROT_HOST_ALL, "a name for each bit");

static const char *const end_names[] = {
	[EROT_END_NONE] = "none",
	[EROT_END_EXIT] = "exit",
	[EROT_END_KILLED] = "killed",
	[EROT_END_DESTROYED] = "destroyed",
	[EROT_END_CLOSED] = "closed",
	[EROT_END_DEADLINE] = "deadline",
	[EROT_END_EXEC_GATE] = "exec-gate",
	[EROT_END_SUSPEND] = "suspend",
	[EROT_END_REBOOT] = "reboot",
	[EROT_END_PANIC] = "panic",
	[EROT_END_FAILED] = "failed",
};

static const char *const state_names[] = {
	[EROT_STATE_NONE] = "none",
	[EROT_STATE_NEW] = "new",
	[EROT_STATE_PROVISIONED] = "provisioned",
	[EROT_STATE_ATTACHED] = "attached",
	[EROT_STATE_BOUND] = "bound",
	[EROT_STATE_RUNNING] = "running",
	[EROT_STATE_DEAD] = "dead",
	[EROT_STATE_RELEASED] = "released",
};

static const char *const event_names[] = {
	[EROT_EVENT_NONE] = "none",
	[EROT_EVENT_NEW] = "new",
	[EROT_EVENT_PROVISIONED] = "provisioned",
	[EROT_EVENT_ATTACHED] = "attached",
	[EROT_EVENT_BOUND] = "bound",
	[EROT_EVENT_RUNNING] = "running",
	[EROT_EVENT_DEAD] = "dead",
	[EROT_EVENT_RELEASED] = "released",
	[EROT_EVENT_DAMAGED] = "damaged",
};

static const char *name_of(const char *const *names, size_t count, uint32_t i)
{
	return i < count ? names[i] : NULL;
}

static uint32_t bit_of(const char *const *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return 1U << i;
	return 0;
}

static char *format(const char *const *names, size_t count, uint32_t mask, char *out, size_t size)
{
	size_t used = 0, i;

	if (!size)
		return out;
	out[0] = 0;
	for (i = 0; i < count && used < size; i++) {
		if (!(mask & 1U << i))
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "," : "",
					 names[i]);
		mask &= ~(1U << i);
	}
	if (mask && used < size)
		snprintf(out + used, size - used, "%s0x%x", used ? "," : "", mask);
	if (!out[0])
		snprintf(out, size, "none");
	return out;
}

const char *erot_isolation_name(unsigned int bit)
{
	return name_of(isolation_names, COUNT(isolation_names), bit);
}

const char *erot_host_name(unsigned int bit)
{
	return name_of(host_names, COUNT(host_names), bit);
}

uint32_t erot_isolation_bit(const char *name)
{
	return bit_of(isolation_names, COUNT(isolation_names), name);
}

uint32_t erot_host_bit(const char *name)
{
	return bit_of(host_names, COUNT(host_names), name);
}

static int number_of(uint32_t mask)
{
	return mask ? __builtin_ctz(mask) : -1;
}

int erot_isolation_number(const char *name)
{
	return number_of(erot_isolation_bit(name));
}

int erot_host_number(const char *name)
{
	return number_of(erot_host_bit(name));
}

char *erot_isolation_format(uint32_t mask, char *out, size_t size)
{
	return format(isolation_names, COUNT(isolation_names), mask, out, size);
}

char *erot_host_format(uint32_t mask, char *out, size_t size)
{
	return format(host_names, COUNT(host_names), mask, out, size);
}

const char *erot_end_name(uint32_t end)
{
	const char *s = name_of(end_names, COUNT(end_names), end);

	return s ? s : "unknown";
}

const char *erot_state_name(uint32_t state)
{
	const char *s = name_of(state_names, COUNT(state_names), state);

	return s ? s : "unknown";
}

const char *erot_event_name(uint32_t event)
{
	const char *s = name_of(event_names, COUNT(event_names), event);

	return s ? s : "unknown";
}
