// SPDX-License-Identifier: GPL-2.0-only
/* The image of the tests, and payloads made of it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "liberot/crypto.h"
#include "selftests/fixture.h"

extern char **environ;

static int copy_file(const char *from, const char *to, mode_t mode)
{
	uint8_t *data;
	size_t len;
	int ret = erot_read_file(from, 16 << 20, &data, &len, &fx_err);

	if (ret)
		return ret;
	ret = erot_write_file(to, data, len, mode, &fx_err);
	free(data);
	return ret;
}

/* The agent stands beside the tests, wherever those are. */
static int agent_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n < 0)
		return -errno;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + sizeof("/workload/agent") > size)
		return -ENAMETOOLONG;
	memcpy(slash, "/workload/agent", sizeof("/workload/agent"));
	return 0;
}

int fx_run(char *const argv[])
{
	int status, ret;
	pid_t pid;

	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret)
		return erot_fail(&fx_err, ret, "run", "%s: %s", argv[0], strerror(ret));
	if (waitpid(pid, &status, 0) != pid || status)
		return erot_fail(&fx_err, EIO, "run", "%s: status 0x%x", argv[0], status);
	return 0;
}

int fx_make_image(void)
{
	static const char *const dirs[] = { "", "/bin", "/data", "/proc", "/dev", "/mnt",
					    FX_MANY };
	char *const mkfs[] = { "mkfs.erofs", "--quiet", "-d1", "-E", "noinline_data",
			       "-x-1", FX_DIR "/image.new", FX_DIR "/tree", NULL };
	char path[PATH_MAX];
	struct stat st;
	size_t i, len;
	int ret;

	if (!erot_read_file(FX_DIR "/tree/data/big", FX_BIG_SIZE, &fx.big, &len, &fx_err) &&
	    len == FX_BIG_SIZE && !access(FX_DIR "/image", R_OK))
		return 0;
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), FX_DIR "/tree%s", dirs[i]);
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	for (i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), FX_DIR "/tree" FX_MANY "/%03zu", i);
		ret = erot_write_file(path, "", 0, 0644, &fx_err);
		if (ret)
			return ret;
	}
	free(fx.big);
	fx.big = malloc(FX_BIG_SIZE);
	if (!fx.big)
		return -ENOMEM;
	ret = agent_path(path, sizeof(path)) ?:
	      copy_file(path, FX_DIR "/tree/bin/agent", 0755) ?:
	      erot_random(fx.big, FX_BIG_SIZE) ?:
	      erot_write_file(FX_DIR "/tree/data/big", fx.big, FX_BIG_SIZE, 0644, &fx_err) ?:
	      erot_write_file(FX_DIR "/tree/data/small", "small\n", 6, 0644, &fx_err) ?:
	      fx_run(mkfs);
	if (ret)
		return ret;
	if (stat(FX_DIR "/image.new", &st) ||
	    truncate(FX_DIR "/image.new", (st.st_size + EROT_IMAGE_ALIGN - 1) /
		     EROT_IMAGE_ALIGN * EROT_IMAGE_ALIGN) ||
	    rename(FX_DIR "/image.new", FX_DIR "/image"))
		return -errno;
	return 0;
}

int fx_temp_file(const void *data, size_t len)
{
	int fd = open(FX_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 && erot_pwrite_full(fd, data, len, 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int fx_big_at(int image_fd, uint64_t *off)
{
	static uint8_t page[4096];
	int ret;

	for (*off = 0; !(ret = erot_pread_full(image_fd, page, sizeof(page), *off));
	     *off += sizeof(page))
		if (!memcmp(page, fx.big, sizeof(page)))
			return 0;
	return erot_fail(&fx_err, -ret, "image", "the image does not hold " FX_BIG);
}

int fx_image_copy(void)
{
	uint8_t *data;
	size_t len;
	int fd;

	if (erot_read_file(FX_DIR "/image", 64 << 20, &data, &len, &fx_err))
		return -1;
	fd = fx_temp_file(data, len);
	free(data);
	return fd;
}

int fx_payload_make(const char *name, int image_fd, struct fx_payload *out)
{
	int ret;

	snprintf(out->path, sizeof(out->path), FX_DIR "/%s.%d", name, (int)getpid());
	out->fd = open(out->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out->fd < 0)
		return -errno;
	unlink(out->path);
	ret = erot_random(out->content_key, sizeof(out->content_key)) ?:
	      erot_random(out->salt, sizeof(out->salt));
	return ret ?: erot_payload_encrypt(image_fd, out->fd, 0, out->content_key, out->salt, NULL,
					   NULL, &out->shape, out->code_hash, &fx_err);
}
