/* SPDX-License-Identifier: GPL-2.0-only */
/* A helper with a SoftHSM2 token that is initialised, for tests of either side of its socket. */
#ifndef DERGD_TEST_HSM_H
#define DERGD_TEST_HSM_H

#include "dergd/test_fixture.h"

#include "dergd/hsm.h"

#define MODULE TEST_MODULE
#define SO_PIN "12345678"

FIXTURE(hsm) {
	char base[64], conf[96], pin[96], uri[512];
	struct erot_error err;
	struct hsm h;
};

static int put(const char *path, const char *text, mode_t mode)
{
	return test_put(path, text, strlen(text), mode);
}

FIXTURE_SETUP(hsm)
{
	char text[256], tokens[96];

	memset(&self->err, 0, sizeof(self->err));
	snprintf(self->base, sizeof(self->base), "%s", "/tmp/erot-hsm-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->base));
	snprintf(self->conf, sizeof(self->conf), "%s/conf", self->base);
	snprintf(self->pin, sizeof(self->pin), "%s/pin", self->base);
	snprintf(tokens, sizeof(tokens), "%s/tokens", self->base);
	ASSERT_EQ(0, mkdir(tokens, 0700));
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", tokens);
	ASSERT_EQ(0, put(self->conf, text, 0600));
	ASSERT_EQ(0, put(self->pin, "secret-pin\n", 0600));
	snprintf(self->uri, sizeof(self->uri),
		 "pkcs11:token=test?module-path=" MODULE "&pin-source=file:%s", self->pin);
	ASSERT_EQ(0, hsm_start(&self->h, self->conf, &self->err));
	ASSERT_EQ(0, hsm_init(&self->h, self->uri, SO_PIN, strlen(SO_PIN), &self->err)) {
		fprintf(stderr, "# %s\n", self->err.text);
	}
}

FIXTURE_TEARDOWN(hsm)
{
	hsm_stop(&self->h);
	test_remove(self->base);
}

#endif
