// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which token: RFC 7512 URIs, and the file that the PIN is in. A PIN in the
 * URI itself is refused, because URIs end up in configuration and logs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <p11-kit/uri.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dergd/p11.h"

/*
 * The parser is p11-kit's, loaded like the module itself: so only a process
 * that opens a token has either of them in its address space.
 */
struct parser {
	__typeof__(p11_kit_uri_new) *new;
	__typeof__(p11_kit_uri_free) *free;
	__typeof__(p11_kit_uri_parse) *parse;
	__typeof__(p11_kit_uri_any_unrecognized) *any_unrecognized;
	__typeof__(p11_kit_uri_get_pin_value) *pin_value;
	__typeof__(p11_kit_uri_get_pin_source) *pin_source;
	__typeof__(p11_kit_uri_get_module_path) *module_path;
	__typeof__(p11_kit_uri_get_token_info) *token_info;
};

static int load_parser(struct parser *p, struct erot_error *err)
{
	const struct {
		void *to;
		const char *name;
	} table[] = {
		{ &p->new, "p11_kit_uri_new" },
		{ &p->free, "p11_kit_uri_free" },
		{ &p->parse, "p11_kit_uri_parse" },
		{ &p->any_unrecognized, "p11_kit_uri_any_unrecognized" },
		{ &p->pin_value, "p11_kit_uri_get_pin_value" },
		{ &p->pin_source, "p11_kit_uri_get_pin_source" },
		{ &p->module_path, "p11_kit_uri_get_module_path" },
		{ &p->token_info, "p11_kit_uri_get_token_info" },
	};
	void *dl, *sym;
	size_t i;

	dl = dlopen("libp11-kit.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!dl)
		return erot_fail(err, ENOENT, "hsm-module", "%s", dlerror());
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		sym = dlsym(dl, table[i].name);
		if (!sym)
			return erot_fail(err, ENOENT, "hsm-module", "libp11-kit lacks %s",
					 table[i].name);
		memcpy(table[i].to, &sym, sizeof(sym));
	}
	return 0;
}

static int copy_path(const char *what, const char *from, char *to, size_t size,
		     struct erot_error *err)
{
	size_t len;

	if (!strncmp(from, "file://", 7))
		from += 7;
	else if (!strncmp(from, "file:", 5))
		from += 5;
	len = strlen(from);
	if (from[0] != '/')
		return erot_fail(err, EINVAL, "hsm-uri", "%s must be an absolute path", what);
	if (len >= size)
		return erot_fail(err, ENAMETOOLONG, "hsm-uri", "%s is too long", what);
	memcpy(to, from, len + 1);
	return 0;
}

/* p11-kit pads the token's fields with spaces; an unset field begins with a zero byte. */
static int named(const unsigned char *field)
{
	return field[0] != '\0';
}

/**
 * p11_uri_parse() - reads the URI of a token
 * @text: RFC 7512 URI with module-path and, where there is a PIN, pin-source
 * @uri: filled
 * @err: reason of a refusal; never holds the URI, which may carry a PIN by mistake
 *
 * Unrecognized attributes are refused: RFC 7512 section 2.3 says that such a
 * URI matches nothing, and a misspelt one would otherwise select any token.
 *
 * Return: 0, -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int p11_uri_parse(const char *text, struct p11_uri *uri, struct erot_error *err)
{
	const CK_TOKEN_INFO *token;
	const char *module, *source;
	struct parser p;
	P11KitUri *kit;
	int ret;

	memset(uri, 0, sizeof(*uri));
	ret = load_parser(&p, err);
	if (ret)
		return ret;
	kit = p.new();
	if (!kit)
		return erot_fail(err, ENOMEM, "no-memory", "PKCS#11 URI");
	ret = p.parse(text, P11_KIT_URI_FOR_ANY, kit);
	if (ret != P11_KIT_URI_OK) {
		ret = erot_fail(err, EINVAL, "hsm-uri", "PKCS#11 URI: %s",
				ret == P11_KIT_URI_NO_MEMORY ? "no memory" : "malformed");
		goto out;
	}
	if (p.any_unrecognized(kit)) {
		ret = erot_fail(err, EINVAL, "hsm-uri", "PKCS#11 URI has an unknown attribute");
		goto out;
	}
	if (p.pin_value(kit)) {
		ret = erot_fail(err, EINVAL, "hsm-uri",
				"PKCS#11 URI carries a PIN: put it into a file, use pin-source");
		goto out;
	}
	module = p.module_path(kit);
	if (!module) {
		ret = erot_fail(err, EINVAL, "hsm-uri", "PKCS#11 URI has no module-path");
		goto out;
	}
	ret = copy_path("module-path", module, uri->module, sizeof(uri->module), err);
	if (ret)
		goto out;
	source = p.pin_source(kit);
	if (source) {
		ret = copy_path("pin-source", source, uri->pin_source, sizeof(uri->pin_source),
				err);
		if (ret)
			goto out;
	}
	token = p.token_info(kit);
	uri->token = *token;
	uri->has_label = named(token->label);
	uri->has_manufacturer = named(token->manufacturerID);
	uri->has_model = named(token->model);
	uri->has_serial = named(token->serialNumber);
	if (!uri->has_label && !uri->has_serial)
		ret = erot_fail(err, EINVAL, "hsm-uri",
				"PKCS#11 URI must name the token or its serial number");
out:
	p.free(kit);
	return ret;
}

/**
 * p11_uri_matches() - does a token have what the URI names?
 * @uri: parsed
 * @token: of a slot
 */
int p11_uri_matches(const struct p11_uri *uri, const CK_TOKEN_INFO *token)
{
#define SAME(flag, field) (!uri->flag || \
	!memcmp(uri->token.field, token->field, sizeof(token->field)))
	return SAME(has_label, label) && SAME(has_manufacturer, manufacturerID) &&
	       SAME(has_model, model) && SAME(has_serial, serialNumber);
#undef SAME
}

/**
 * p11_pin_read() - reads a PIN from its file
 * @path: absolute
 * @pin: filled, not terminated; the caller wipes it
 * @len: bytes
 * @err: reason
 *
 * The file must be regular, no link, and readable by its owner alone. One
 * newline at its end is not part of the PIN.
 *
 * Return: 0, -EACCES for loose permissions, -EINVAL for its size, or open()'s errors.
 */
int p11_pin_read(const char *path, char pin[P11_PIN_MAX], size_t *len, struct erot_error *err)
{
	struct stat st;
	ssize_t got;
	int fd, ret = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return erot_fail(err, errno, "hsm-pin", "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		ret = erot_fail(err, EINVAL, "hsm-pin", "%s: not a regular file", path);
		goto out;
	}
	if (st.st_mode & 077) {
		ret = erot_fail(err, EACCES, "hsm-pin",
				"%s: others may read the PIN, chmod 600 it", path);
		goto out;
	}
	got = read(fd, pin, P11_PIN_MAX);
	if (got == P11_PIN_MAX || got <= 0) {
		ret = erot_fail(err, EINVAL, "hsm-pin", "%s: PIN is empty or too long", path);
		goto out;
	}
	*len = got;
	if (pin[*len - 1] == '\n')
		(*len)--;
	if (!*len)
		ret = erot_fail(err, EINVAL, "hsm-pin", "%s: PIN is empty", path);
out:
	close(fd);
	return ret;
}
