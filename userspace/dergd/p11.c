// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens a token: module, slot by the token's label (slot numbers change),
 * session, login. The module is loaded with dlopen() and used directly; p11-kit
 * gives headers and the URI parser only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "dergd/p11.h"

#define SLOTS_MAX 64

/**
 * p11_fail() - a PKCS#11 return value as an error
 * @err: filled, code "hsm-error" or a nearer one
 * @rv: not CKR_OK
 * @what: function that returned it
 *
 * Return: negative errno.
 */
int p11_fail(struct erot_error *err, CK_RV rv, const char *what)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LOCKED:
	case CKR_PIN_EXPIRED:
	case CKR_PIN_LEN_RANGE:
		return erot_fail(err, EACCES, "hsm-pin", "%s: the token refuses the PIN (0x%lx)",
				 what, rv);
	case CKR_HOST_MEMORY:
		return erot_fail(err, ENOMEM, "no-memory", "%s", what);
	case CKR_MECHANISM_INVALID:
		return erot_fail(err, EOPNOTSUPP, "hsm-mechanism",
				 "%s: the token lacks the mechanism", what);
	default:
		return erot_fail(err, EIO, "hsm-error", "%s: PKCS#11 error 0x%lx", what, rv);
	}
}

static int load(struct p11 *t, const struct p11_uri *uri, struct erot_error *err)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	CK_RV rv;

	t->dl = dlopen(uri->module, RTLD_NOW | RTLD_LOCAL);
	if (!t->dl)
		return erot_fail(err, ENOENT, "hsm-module", "%s", dlerror());
	*(void **)&get = dlsym(t->dl, "C_GetFunctionList");
	if (!get)
		return erot_fail(err, ENOENT, "hsm-module", "%s is no PKCS#11 module", uri->module);
	rv = get(&t->fn);
	if (rv != CKR_OK || !t->fn)
		return p11_fail(err, rv, "C_GetFunctionList");
	if (t->fn->version.major != 2)
		return erot_fail(err, EOPNOTSUPP, "hsm-module", "%s speaks PKCS#11 %u.%u, not 2.x",
				 uri->module, t->fn->version.major, t->fn->version.minor);
	rv = t->fn->C_Initialize(NULL);
	if (rv != CKR_OK) {
		t->fn = NULL;
		return p11_fail(err, rv, "C_Initialize");
	}
	return 0;
}

static int slots(struct p11 *t, CK_SLOT_ID *list, unsigned long *count, struct erot_error *err)
{
	CK_RV rv;

	*count = SLOTS_MAX;
	rv = t->fn->C_GetSlotList(1, list, count);
	return rv == CKR_OK ? 0 : p11_fail(err, rv, "C_GetSlotList");
}

static int find_slot(struct p11 *t, const struct p11_uri *uri, CK_SLOT_ID *slot,
		     struct erot_error *err)
{
	CK_SLOT_ID list[SLOTS_MAX];
	CK_TOKEN_INFO info;
	unsigned long i, count, found = 0;
	int ret;

	ret = slots(t, list, &count, err);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		if (t->fn->C_GetTokenInfo(list[i], &info) != CKR_OK ||
		    !(info.flags & CKF_TOKEN_INITIALIZED) || !p11_uri_matches(uri, &info))
			continue;
		*slot = list[i];
		found++;
	}
	if (!found)
		return erot_fail(err, ENOENT, "hsm-token", "no such token: %.32s",
				 uri->has_label ? (const char *)uri->token.label : "by serial");
	if (found > 1)
		return erot_fail(err, EEXIST, "hsm-token",
				 "%lu tokens match the URI, add its serial number", found);
	return 0;
}

static int login(struct p11 *t, const struct p11_uri *uri, struct erot_error *err)
{
	char pin[P11_PIN_MAX];
	size_t len = 0;
	CK_RV rv;
	int ret = 0;

	if (!uri->pin_source[0])
		return 0;
	ret = p11_pin_read(uri->pin_source, pin, &len, err);
	if (ret)
		goto out;
	rv = t->fn->C_Login(t->session, CKU_USER, (unsigned char *)pin, len);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		ret = p11_fail(err, rv, "C_Login");
out:
	explicit_bzero(pin, sizeof(pin));
	return ret;
}

/**
 * p11_open() - opens the token that a URI names
 * @t: filled; p11_close() it also after a failure
 * @uri: see p11_uri_parse()
 * @err: reason
 *
 * Call it after the last fork(): modules do not survive one.
 *
 * Return: 0 or a negative errno.
 */
int p11_open(struct p11 *t, const char *uri, struct erot_error *err)
{
	struct p11_uri parsed;
	CK_SLOT_ID slot = 0;
	CK_RV rv;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = p11_uri_parse(uri, &parsed, err);
	if (ret)
		return ret;
	ret = load(t, &parsed, err);
	if (ret)
		return ret;
	ret = find_slot(t, &parsed, &slot, err);
	if (ret)
		return ret;
	rv = t->fn->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
				  &t->session);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_OpenSession");
	return login(t, &parsed, err);
}

static int set_user_pin(struct p11 *t, const struct p11_uri *uri, CK_SLOT_ID slot,
			const uint8_t *so_pin, size_t so_pin_len, struct erot_error *err)
{
	CK_SESSION_HANDLE session = 0;
	char pin[P11_PIN_MAX];
	size_t len = 0;
	CK_RV rv;
	int ret;

	ret = p11_pin_read(uri->pin_source, pin, &len, err);
	if (ret)
		goto out;
	rv = t->fn->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK) {
		ret = p11_fail(err, rv, "C_OpenSession");
		goto out;
	}
	rv = t->fn->C_Login(session, CKU_SO, (unsigned char *)so_pin, so_pin_len);
	if (rv != CKR_OK)
		ret = p11_fail(err, rv, "C_Login");
	if (!ret) {
		rv = t->fn->C_InitPIN(session, (unsigned char *)pin, len);
		if (rv != CKR_OK)
			ret = p11_fail(err, rv, "C_InitPIN");
		t->fn->C_Logout(session);
	}
	t->fn->C_CloseSession(session);
out:
	explicit_bzero(pin, sizeof(pin));
	return ret;
}

/**
 * p11_init_token() - initialises a blank token
 * @t: filled; p11_close() it, then p11_open()
 * @uri: names the label that the token gets and the file of the user PIN
 * @so_pin: security officer's PIN
 * @so_pin_len: bytes
 * @err: reason
 *
 * Refuses where a token of that label exists.
 *
 * Return: 0, -EEXIST, -ENOENT without a blank token, or another negative errno.
 */
int p11_init_token(struct p11 *t, const char *uri, const uint8_t *so_pin, size_t so_pin_len,
		   struct erot_error *err)
{
	CK_SLOT_ID list[SLOTS_MAX];
	CK_TOKEN_INFO info;
	struct p11_uri parsed;
	unsigned long i, count, blank = SLOTS_MAX;
	CK_RV rv;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = p11_uri_parse(uri, &parsed, err);
	if (ret)
		return ret;
	if (!parsed.has_label || !parsed.pin_source[0])
		return erot_fail(err, EINVAL, "hsm-uri", "URI must have token and pin-source");
	ret = load(t, &parsed, err);
	if (ret)
		return ret;
	ret = slots(t, list, &count, err);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		if (t->fn->C_GetTokenInfo(list[i], &info) != CKR_OK)
			continue;
		if (!(info.flags & CKF_TOKEN_INITIALIZED))
			blank = i;
		else if (p11_uri_matches(&parsed, &info))
			return erot_fail(err, EEXIST, "hsm-token", "the token exists");
	}
	if (blank == SLOTS_MAX)
		return erot_fail(err, ENOENT, "hsm-token", "the module offers no blank token");
	rv = t->fn->C_InitToken(list[blank], (unsigned char *)so_pin, so_pin_len,
				parsed.token.label);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_InitToken");
	return set_user_pin(t, &parsed, list[blank], so_pin, so_pin_len, err);
}

/**
 * p11_close() - logs out and ends the module
 * @t: opened, or failed to open
 */
void p11_close(struct p11 *t)
{
	if (t->fn) {
		if (t->session)
			t->fn->C_CloseSession(t->session);
		t->fn->C_Finalize(NULL);
	}
	memset(t, 0, sizeof(*t));
}
