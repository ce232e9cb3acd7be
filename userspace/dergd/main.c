// SPDX-License-Identifier: GPL-2.0-only
/* dergd: order of starting and stopping. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/secret.h"
#include "dergd/logline.h"
#include "dergd/route.h"
#include "dergd/serve.h"
#include "dergd/service.h"
#include "dergd/sweep.h"

enum { EXIT_INTERNAL = 1, EXIT_USAGE = 2 };

/* What a service manager does not close must not be taken for something of ours. */
static int open_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= 2);
	return close(fd);
}

/* Both files; what they name is not opened. */
static int check(const char *path, struct settings *settings, struct erot_error *err)
{
	struct derg_config *config;
	char *file;
	int ret;

	ret = settings_read(path, settings, err);
	if (ret)
		return ret;
	config = malloc(sizeof(*config));
	if (!config || asprintf(&file, "%s/%s", settings->directory, DERG_CONFIG_FILE) < 0) {
		free(config);
		return erot_fail(err, ENOMEM, "no-memory", "configuration");
	}
	ret = derg_config_read(file, config, err);
	erot_wipe_free(config, sizeof(*config));
	free(file);
	return ret;
}

static int run(const char *path, const struct settings *settings, struct erot_error *err)
{
	struct http_hooks hooks = { .app = NULL };
	struct service *s = calloc(1, sizeof(*s));
	struct sweep *sweep = NULL;
	int ret;

	service_hooks(&hooks);
	if (s)
		s->metrics = metrics_new(hooks.routes, hooks.n_routes);
	if (!s || !s->metrics) {
		free(s);
		return erot_fail(err, ENOMEM, "no-memory", "service");
	}
	hooks.app = s;
	ret = authority_open(&s->authority, settings->directory, err);
	if (!ret && !s->authority.config.attested)
		log_line(LOG_LINE_WARNING, "no-attestation", "detail",
			 "whoever reaches this and has a receipt gets its release");
	if (!ret)
		ret = sweep_start(&sweep, &s->authority, err);
	if (!ret)
		ret = serve(path, settings, &hooks, s->metrics, err);
	if (ret == -ETIMEDOUT)
		return ret;	/* a handler still uses all this */
	if (sweep)
		sweep_stop(sweep);
	authority_close(&s->authority);
	metrics_free(s->metrics);
	free(s);
	return ret;
}

static int help(void)
{
	fputs("usage: dergd [--config FILE]\n"
	      "       dergd --check [FILE]\n"
	      "       dergd --routes\n"
	      "  --config FILE  configuration (" SETTINGS_FILE ")\n"
	      "  --check        check the configuration, then exit\n"
	      "  --routes       print the API's methods, paths, roles and largest bodies\n",
	      stdout);
	return fflush(stdout) ? EXIT_INTERNAL : 0;
}

static int usage(const char *what)
{
	fprintf(stderr, "dergd: %s: no such option, or not with its argument; usage: dergd "
		"[--config FILE] | --check [FILE] | --routes\n", what);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 't' },
		{ "routes", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct settings settings;
	struct erot_error err = { "", "" };
	const char *path = SETTINGS_FILE;
	bool only_check = false;
	int c, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			only_check = true;
			break;
		case 'r':
			route_print(service_routes, service_n_routes, stdout);
			return ferror(stdout) || fflush(stdout) ? EXIT_INTERNAL : 0;
		case 'h':
			return help();
		default:
			return usage(argv[optind - 1]);
		}
	}
	if (only_check && argc - optind == 1)
		path = argv[optind++];
	if (optind != argc)
		return usage(argv[optind]);
	if (open_stdio())
		return EXIT_INTERNAL;
	umask(077);
	ret = check(path, &settings, &err);
	if (ret || only_check) {
		if (ret)
			fprintf(stderr, "dergd: %s: %s\n", err.code, err.text);
		return ret ? EXIT_USAGE : 0;
	}
	ret = serve_prepare(settings.memory_lock, &err) ?: run(path, &settings, &err);
	if (ret == -ETIMEDOUT)
		_exit(EXIT_INTERNAL);
	if (ret)
		log_error("failed", &err);
	return ret ? EXIT_INTERNAL : 0;
}
