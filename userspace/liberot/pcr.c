// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/crypto.h"
#include "liberot/pcr.h"

void erot_pcr_initial(unsigned int pcr, uint8_t value[EROT_DIGEST_SIZE])
{
	memset(value, pcr >= 17 && pcr <= 22 ? 0xff : 0, EROT_DIGEST_SIZE);
}

int erot_pcr_extend(uint8_t value[EROT_DIGEST_SIZE], const uint8_t digest[EROT_DIGEST_SIZE])
{
	uint8_t both[2 * EROT_DIGEST_SIZE];

	memcpy(both, value, EROT_DIGEST_SIZE);
	memcpy(both + EROT_DIGEST_SIZE, digest, EROT_DIGEST_SIZE);
	return erot_sha256(both, sizeof(both), value);
}

int erot_pcrs_digest(const struct erot_pcrs *pcrs, uint8_t digest[EROT_DIGEST_SIZE])
{
	uint8_t all[sizeof(pcrs->value)];
	size_t n = 0, i;

	for (i = 0; i < EROT_PCR_COUNT; i++) {
		if (!(pcrs->mask & 1U << i))
			continue;
		memcpy(all + n, pcrs->value[i], EROT_DIGEST_SIZE);
		n += EROT_DIGEST_SIZE;
	}
	return erot_sha256(all, n, digest);
}

char *erot_pcrs_format(uint32_t mask, char *out, size_t size)
{
	size_t used = 0;
	unsigned int i;

	snprintf(out, size, "none");
	for (i = 0; i < 32 && used < size; i++)
		if (mask & 1U << i)
			used += (size_t)snprintf(out + used, size - used, "%s%u", used ? "," : "",
						 i);
	return out;
}

int erot_pcr_number(const char *name)
{
	uint64_t n;

	if ((name[0] == '0' && name[1]) || erot_parse_u64(name, EROT_PCR_COUNT - 1, &n))
		return -EINVAL;
	return (int)n;
}

int erot_pcrs_from_json(const json_t *json, struct erot_pcrs *pcrs, struct erot_error *err)
{
	const char *name;
	json_t *value;
	int n;

	memset(pcrs, 0, sizeof(*pcrs));
	if (!json_is_object(json))
		return erot_fail(err, EINVAL, "pcrs-type", "PCRs: must be an object");
	json_object_foreach((json_t *)json, name, value) {
		n = erot_pcr_number(name);
		if (n < 0)
			return erot_fail(err, EINVAL, "pcrs-value",
					 "PCRs: \"%.20s\" is not a number from 0 to 23", name);
		if (!json_is_string(value))
			return erot_fail(err, EINVAL, "pcrs-type", "PCR %d: must be a string", n);
		if (erot_unhex(json_string_value(value), pcrs->value[n], EROT_DIGEST_SIZE))
			return erot_fail(err, EINVAL, "pcrs-value", "PCR %d: must be 64 hex digits",
					 n);
		pcrs->mask |= 1U << n;
	}
	if (!pcrs->mask)
		return erot_fail(err, EINVAL, "pcrs-value", "PCRs: there are none");
	return 0;
}

json_t *erot_pcrs_to_json(const struct erot_pcrs *pcrs)
{
	char name[4], hex[2 * EROT_DIGEST_SIZE + 1];
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; o && i < EROT_PCR_COUNT; i++) {
		if (!(pcrs->mask & 1U << i))
			continue;
		snprintf(name, sizeof(name), "%u", i);
		erot_hex(pcrs->value[i], EROT_DIGEST_SIZE, hex);
		if (json_object_set_new(o, name, json_string(hex))) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}
