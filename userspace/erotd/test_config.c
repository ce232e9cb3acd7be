// SPDX-License-Identifier: GPL-2.0-only
/* Configuration and requests: what is accepted, and the code of each refusal. */
#include <signal.h>
#include <stdio.h>

#include "erotd/config.c"
#include "erotd/request.c"

static unsigned int count, failed;

static void check(bool ok, const char *what)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++count, what);
	failed += !ok;
}

static bool config_is(const char *text, size_t len, const char *code, const char *where)
{
	struct erotd_config cfg = { .max_sessions = 77 };
	struct erot_error err = { "", "" };
	int ret = erotd_config_parse(text, len, "f", &cfg, &err);

	if (!code)
		return !ret;
	/* on failure nothing may have been written */
	return ret == -EINVAL && !strcmp(err.code, code) && strstr(err.text, where) == err.text &&
	       cfg.max_sessions == 77;
}

#define REFUSED(text, code, where) check(config_is(text, sizeof(text) - 1, code, where), #text)

static void test_config(void)
{
	static const char full[] =
		"# comment\n"
		"provider = /usr/bin/dergctl --dir\t/d provider\n"
		"\n"
		"  provider_timeout=7  \n"
		"socket = /s\nsocket_group = erot\nstate_dir = /v\ncgroup_parent = /c\n"
		"subid_base = 131072\nmax_sessions = 3\nhardware_key = /k";
	struct erotd_config cfg;
	struct erot_error err;

	check(!erotd_config_parse(full, sizeof(full) - 1, "f", &cfg, &err), "a full file");
	check(!strcmp(cfg.provider[0], "/usr/bin/dergctl") && !strcmp(cfg.provider[1], "--dir") &&
	      !strcmp(cfg.provider[2], "/d") && !strcmp(cfg.provider[3], "provider") &&
	      !cfg.provider[4], "words of the provider");
	check(cfg.provider[0] == cfg.provider_text, "words point into their own copy");
	check(cfg.provider_timeout == 7 && cfg.max_sessions == 3 && cfg.subid_base == 131072,
	      "numbers");
	check(!strcmp(cfg.socket, "/s") && !strcmp(cfg.socket_group, "erot") &&
	      !strcmp(cfg.state_dir, "/v") && !strcmp(cfg.cgroup_parent, "/c") &&
	      !strcmp(cfg.hardware_key, "/k"), "texts");
	check(config_is("provider = /p", 13, NULL, NULL), "no newline at the end");

	REFUSED("", "config-missing", "f: ");
	REFUSED("provider = /p\nfoo = 1\n", "config-unknown", "f:2: ");
	REFUSED("provider = /p\nprovider = /q\n", "config-twice", "f:2: ");
	REFUSED("provider /p\n", "config-syntax", "f:1: ");
	REFUSED("= /p\n", "config-syntax", "f:1: ");
	REFUSED("provider = p\n", "config-value", "f:1: ");
	REFUSED("provider =\n", "config-value", "f:1: ");
	REFUSED("\n\nsocket = /a/../b\n", "config-value", "f:3: ");
	REFUSED("provider = /p\nsubid_base = 1\n", "config-value", "f:2: ");
	REFUSED("provider = /p\nsubid_base = 0\n", "config-value", "f:2: ");
	REFUSED("provider = /p\nsubid_base = 4294901760\n", "config-value", "f: ");
	REFUSED("provider = /p\nmax_sessions = 1025\n", "config-value", "f:2: ");
	REFUSED("provider = /p\nmax_sessions = -1\n", "config-value", "f:2: ");
	REFUSED("provider = /p\nmax_sessions = 1x\n", "config-value", "f:2: ");
	REFUSED("provider = /p\nprovider_timeout = 0\n", "config-value", "f:2: ");
	REFUSED("provider = /p 1 2 3 4 5 6 7 8 9 a b c d e f\n", "config-value", "f:1: ");
	REFUSED("provider = /p\0\n", "config-syntax", "f: ");
}

static bool request_is(const char *text, size_t n, const char *code)
{
	json_t *msg = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct erotd_request req;
	struct erot_error err = { "", "" };
	int ret = erotd_request_parse(msg, n, &req, &err);

	json_decref(msg);
	return code ? ret == -EINVAL && !strcmp(err.code, code) : !ret;
}

static void test_request(void)
{
	check(request_is("{\"op\":\"run\"}", 5, NULL), "run, one file");
	check(request_is("{\"op\":\"run\",\"payload\":true}", 6, NULL), "run, two files");
	check(request_is("{\"op\":\"run\",\"tty\":true,\"rows\":1,\"cols\":2}", 2, NULL),
	      "run, tty");
	check(request_is("{\"op\":\"signal\",\"signal\":15}", 0, NULL), "signal");
	check(request_is("{\"op\":\"kill\",\"id\":\"00112233445566778899aabbccddeeff\","
			 "\"signal\":9}", 0, NULL), "kill");
	check(request_is("{\"op\":\"ping\"}", 0, NULL), "ping");

	check(request_is("{\"op\":\"run\"}", 4, "request-fds"), "run, a descriptor missing");
	check(request_is("{\"op\":\"run\"}", 6, "request-fds"), "run, a descriptor too many");
	check(request_is("{\"op\":\"ping\"}", 1, "request-fds"), "ping with a descriptor");
	check(request_is("{\"op\":\"run\",\"x\":1}", 5, "request-syntax"), "run, unknown member");
	check(request_is("{\"op\":\"run\",\"tty\":1}", 5, "request-syntax"), "run, wrong type");
	check(request_is("{\"op\":\"run\",\"rows\":65536}", 5, "request-syntax"), "run, rows");
	check(request_is("{\"op\":\"run\",\"cols\":-1}", 5, "request-syntax"), "run, cols");
	check(request_is("{\"op\":\"signal\",\"signal\":0}", 0, "request-syntax"), "signal 0");
	check(request_is("{\"op\":\"signal\",\"signal\":65}", 0, "request-syntax"), "signal 65");
	check(request_is("{\"op\":\"kill\",\"id\":\"00\",\"signal\":9}", 0, "request-syntax"),
	      "kill, short id");
	check(request_is("{\"op\":\"ping\",\"x\":1}", 0, "request-syntax"), "ping, unknown member");
	check(request_is("{\"op\":\"dance\"}", 0, "request-syntax"), "unknown op");
	check(request_is("{\"op\":1}", 0, "request-syntax"), "op of a wrong type");
	check(request_is("{}", 0, "request-syntax"), "no op");
}

int main(void)
{
	printf("TAP version 13\n");
	test_config();
	test_request();
	printf("1..%u\n", count);
	return failed ? 1 : 0;
}
