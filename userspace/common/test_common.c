// SPDX-License-Identifier: GPL-2.0-only
/* The ground floor: readers that cannot run over, secret memory that fails closed, strict text. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* mkdtemp() */
#endif
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/msg.h"
#include "common/secret.h"
#include "common/tap.h"

/* Jansson, which our answers go through, takes nothing else. */
static void test_utf8(void)
{
	static const char *const good[] = {
		"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xec\xbf\xbf", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf",
		"\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80", "\x9b", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
		"\xe1\x80", "\xe1\x80(", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf1\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	};
	struct erot_error err;
	json_t *text;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		erot_fail(&err, EPERM, "code", "a%sz", good[i]);
		tap_ok(err.text[0] == 'a' && !strncmp(err.text + 1, good[i], strlen(good[i])) &&
		       !strcmp(err.text + 1 + strlen(good[i]), "z"), "character %zu stays", i);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		erot_fail(&err, EPERM, "code", "a%sz", bad[i]);
		text = json_string(err.text);
		tap_ok(text && strlen(err.text) == strlen(bad[i]) + 2 && err.text[1] == '?' &&
		       err.text[strlen(bad[i]) + 1] == 'z', "bytes of no character %zu", i);
		json_decref(text);
	}
}

static void test_error(void)
{
	struct erot_error err = { 0 };
	char longest[400];

	tap_ok(erot_fail(&err, EPERM, "a-code", "x%dy\x1b[2J", 5) == -EPERM &&
	       !strcmp(err.code, "a-code") && !strcmp(err.text, "x5y?[2J"),
	       "an error says what it was given, without control characters");
	erot_error_prefix(&err, "file");
	tap_ok(!strcmp(err.text, "file: x5y?[2J"), "prefix");
	tap_ok(!err.expected[0] && !err.actual[0], "no values without a comparison");
	tap_ok(erot_fail_digests(&err, EPERM, "b-code", (const uint8_t[32]){ 0xab },
				 (const uint8_t[32]){ 0xcd, 1 }, "differ") == -EPERM &&
	       !strncmp(err.expected, "ab0000", 6) && !strncmp(err.actual, "cd0100", 6) &&
	       strlen(err.expected) == 64 && strlen(err.actual) == 64, "digests compared");
	erot_fail(&err, EPERM, "c-code", "other");
	tap_ok(!err.expected[0] && !err.actual[0], "values do not outlive their error");
	erot_fail(&err, EPERM, "d-code", "%s",
		  "\xc2\x80\xc2\x9b" "31m\xc3\xbc\xc2\xa0\xc3\x9b\xc2");
	tap_ok(!strcmp(err.text, "????31m\xc3\xbc\xc2\xa0\xc3\x9b?"),
	       "nor control characters of two bytes, and all else stays");
	test_utf8();
	memset(longest, 'l', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	erot_fail(&err, EPERM, longest, "%s", longest);
	erot_error_prefix(&err, "%s", longest);
	tap_ok(strlen(err.text) == sizeof(err.text) - 1 && strlen(err.code) == sizeof(err.code) - 1,
	       "long ones are cut");
	memset(longest, 'l', sizeof(longest) - 3);
	memcpy(longest + sizeof(err.text) - 2, "\xc3\xbc", 3);
	erot_fail(&err, EPERM, "e-code", "%s", longest);
	tap_ok(err.text[sizeof(err.text) - 2] == '?', "not in the middle of a character");
	tap_ok(erot_fail(NULL, EIO, "x", "y") == -EIO, "nobody has to listen");
}

static void test_buf(void)
{
	struct erot_error err = { 0 };
	struct erot_buf b = { 0 };
	struct erot_reader r;
	uint8_t copy[4];
	size_t len;

	erot_buf_u8(&b, 1);
	erot_buf_u16(&b, 0x0203);
	erot_buf_u32(&b, 0x04050607);
	erot_buf_u64(&b, 0x08090a0b0c0d0e0fULL);
	erot_buf_lp_str(&b, "abc");
	erot_buf_zero(&b, 2);
	tap_ok(!erot_buf_done(&b, &err) && b.len == 24 &&
	       !memcmp(b.data, "\1\3\2\7\6\5\4\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08\3\0\0\0abc\0\0", 24),
	       "little-endian, and lp()");
	erot_reader_init(&r, b.data, b.len);
	tap_ok(erot_read_u8(&r) == 1 && erot_read_u16(&r) == 0x0203 &&
	       erot_read_u32(&r) == 0x04050607 && erot_read_u64(&r) == 0x08090a0b0c0d0e0fULL &&
	       !memcmp(erot_read_lp(&r, 3, &len), "abc", 3) && len == 3, "read back");
	tap_refused(erot_reader_done(&r, "it", &err), EBADMSG, &err, "trailing-bytes",
		    "not all read");
	tap_ok(!erot_read_u32(&r) && r.failed, "a read over the end is zero");
	tap_ok(!erot_read_u16(&r), "and nothing is read after it");
	erot_read_copy(&r, copy, sizeof(copy));
	tap_ok(!copy[0] && !copy[3], "a copy over the end is zeros");
	tap_refused(erot_reader_done(&r, "it", &err), EBADMSG, &err, "short", "too short");
	erot_reader_init(&r, "\xff\xff\xff\xff" "a", 5);
	tap_ok(!erot_read_lp(&r, SIZE_MAX, &len) && !len && r.failed,
	       "lp() longer than what is left");
	erot_reader_init(&r, "\2\0\0\0" "ab", 6);
	tap_ok(!erot_read_lp(&r, 1, &len) && r.failed, "lp() longer than allowed");
	erot_buf_add(&b, b.data, SIZE_MAX - 8);
	tap_refused(erot_buf_done(&b, &err), ENOMEM, &err, "no-memory", "more than memory");
	erot_buf_free(&b);
}

/* Reads a child's verdict: what a child may not do kills it. */
static int child(void (*fn)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);	/* the address sanitizer's would exit(1) */
		fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void touch(void *p)
{
	*(volatile uint8_t *)p = 1;
}

static void alloc_without_mlock(void *arg)
{
	struct rlimit none = { 0, 0 };
	struct erot_error err = { 0 };

	(void)arg;
	/* Root may lock all the same, unless it stops being root. */
	if (setrlimit(RLIMIT_MEMLOCK, &none) || (!getuid() && setuid(65534)))
		_exit(2);
	if (erot_secret_alloc(32, &err))
		_exit(3);
	_exit(strcmp(err.code, "secret-memory") ? 4 : 0);
}

static void no_dumps(void *arg)
{
	struct rlimit r;

	(void)arg;
	_exit(erot_no_dumps(NULL) || getrlimit(RLIMIT_CORE, &r) || r.rlim_cur || r.rlim_max);
}

static void test_secret(void)
{
	struct erot_error err = { 0 };
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *s = erot_secret_alloc(100, &err);
	unsigned char in_core;
	int status, i, sum = 0;

	if (!tap_ok(s != NULL, "secret memory: %s", err.text))
		return;
	for (i = 0; i < 100; i++)
		sum |= s[i];
	tap_ok(!sum, "it starts as zeros");
	s[99] = 1;
	status = child(touch, s);
	tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a child does not have it");
	status = child(touch, s - 64 - 1);
	tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "nothing before it");
	status = child(touch, s - 64 + page);
	tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "nothing behind it");
	tap_ok(!mincore(s - 64, (size_t)page, &in_core), "mapped while in use");
	erot_secret_free(s);
	tap_ok(mincore(s - 64, (size_t)page, &in_core) && errno == ENOMEM, "unmapped when freed");
	erot_secret_free(NULL);
	tap_ok(!erot_secret_alloc(0, &err) && !strcmp(err.code, "secret-memory"), "of no bytes");
	tap_ok(!erot_secret_alloc((1 << 20) + 1, &err), "of too many");
	tap_ok(child(alloc_without_mlock, NULL) == 0, "none where pages cannot be locked");
	tap_ok(child(no_dumps, NULL) == 0, "core dumps off");
	tap_ok(erot_secret_equal("abc", "abc", 3) && !erot_secret_equal("abc", "abd", 3) &&
	       !erot_secret_equal("abc", "bbc", 3) && erot_secret_equal("a", "b", 0), "comparison");
}

static void test_text(void)
{
	static const char *const bad64[] = { "A", "AA", "AAA", "AA=A", "AB==", "AAB=", "AAAA\n",
		" AAA",
					     "AA==AAAA", "A-_A", "====" };
	struct erot_error err = { 0 };
	uint8_t raw[4], *data;
	char hex[16], *text;
	size_t len, i;
	uint64_t v;

	tap_ok(!strcmp(erot_hex("\x01\xab", 2, hex), "01ab"), "hex");
	tap_ok(!erot_unhex("01aB", raw, 2) && raw[0] == 1 && raw[1] == 0xab, "unhex");
	tap_ok(erot_unhex("01a", raw, 2) && erot_unhex("01abc", raw, 2) && erot_unhex("0xab", raw,
										      2),
	       "unhex refuses");
	tap_ok(!erot_parse_u64("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX &&
	       erot_parse_u64("18446744073709551616", UINT64_MAX, &v) == -ERANGE &&
	       erot_parse_u64("11", 10, &v) == -ERANGE && erot_parse_u64("", 10, &v) == -EINVAL &&
	       erot_parse_u64("-1", 10, &v) == -EINVAL && erot_parse_u64("1 ", 10, &v) == -EINVAL,
	       "numbers");
	for (i = 0; i < 4; i++) {
		text = erot_base64_encode("\xff\0\x10", i);
		tap_ok(!erot_base64_decode(text, i, &data, &len, &err) && len == i &&
		       !memcmp(data, "\xff\0\x10", i), "base64 of %zu bytes", i);
		free(data);
		free(text);
	}
	for (i = 0; i < sizeof(bad64) / sizeof(bad64[0]); i++)
		tap_refused(erot_base64_decode(bad64[i], 100, &data, &len, &err), EINVAL, &err,
			    "base64", "not canonical");
	tap_refused(erot_base64_decode("AAAAAAAA", 5, &data, &len, &err), EFBIG, &err, "too-big",
		    "one byte more than wanted");
	tap_refused(erot_base64_exact("AAAA", raw, 4, &err), EINVAL, &err, "base64", "too few");
	tap_ok(!erot_base64_exact("AAECAw==", raw, 4, &err) && raw[3] == 3, "exactly enough");
}

static void test_files(void)
{
	char dir[] = "/tmp/erot-common-XXXXXX", path[64];
	struct erot_error err = { 0 };
	struct stat st;
	uint8_t *data;
	size_t len;

	if (!mkdtemp(dir)) {
		tap_ok(0, "mkdtemp");
		return;
	}
	snprintf(path, sizeof(path), "%s/f", dir);
	tap_refused(erot_read_file(path, 10, &data, &len, &err), ENOENT, &err, "not-found",
		    "no such file");
	tap_ok(!erot_create_file(path, "one", 3, 0640, &err) && !stat(path, &st) &&
	       (st.st_mode & 07777) == 0640 && st.st_nlink == 1, "create");
	tap_refused(erot_create_file(path, "two", 3, 0640, &err), EEXIST, &err, "exists",
		    "create again");
	tap_ok(!erot_write_file(path, "three", 5, 0600, &err), "replace");
	tap_ok(!erot_read_file(path, 5, &data, &len, &err) && len == 5 && !memcmp(data, "three", 6),
	       "read back");
	erot_wipe_free(data, len);
	tap_refused(erot_read_file(path, 4, &data, &len, &err), EFBIG, &err, "too-big",
		    "longer than allowed");
	unlink(path);
	tap_ok(!rmdir(dir), "no temporary file is left");
}

static void test_msg(void)
{
	struct erot_error err = { 0 };
	int sv[2], fd, p[2];
	uint8_t *data;
	size_t len;
	char c = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) || pipe(p)) {
		tap_ok(0, "socketpair");
		return;
	}
	tap_ok(!erot_msg_send(sv[0], "hello", 5, -1, &err) &&
	       !erot_msg_recv(sv[1], 5, &data, &len, &fd, &err) && len == 5 &&
	       !memcmp(data, "hello", 5) && fd == -1, "a message: %s", err.text);
	erot_wipe_free(data, len);
	tap_ok(!erot_msg_send(sv[0], "fd", 2, p[1], &err) &&
	       !erot_msg_recv(sv[1], 5, &data, &len, &fd, &err) && fd >= 0 &&
	       fcntl(fd, F_GETFD) == FD_CLOEXEC && write(fd, "x", 1) == 1 && read(p[0], &c,
										  1) == 1 &&
	       c == 'x', "with a descriptor");
	erot_wipe_free(data, len);
	close(fd);
	tap_refused(erot_msg_send(sv[0], "", 0, -1, &err), EMSGSIZE, &err, "msg-size", "empty");
	tap_ok(!erot_msg_send(sv[0], "fd", 2, p[1], &err), "sent");
	tap_refused(erot_msg_recv(sv[1], 5, &data, &len, NULL, &err), EBADMSG, &err, "msg-fd",
		    "a descriptor nobody wants");
	close(sv[0]);
	close(sv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return;
	tap_ok(!erot_msg_send(sv[0], "hello", 5, -1, &err), "sent");
	tap_refused(erot_msg_recv(sv[1], 4, &data, &len, &fd, &err), EMSGSIZE, &err, "msg-size",
		    "longer than allowed");
	close(sv[0]);
	close(sv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return;
	tap_ok(write(sv[0], "\5\0\0\0ab", 6) == 6 && !shutdown(sv[0], SHUT_WR), "half of one");
	tap_refused(erot_msg_recv(sv[1], 5, &data, &len, &fd, &err), ECONNRESET, &err,
		    "msg-peer-gone", "the peer stops halfway");
	tap_refused(erot_msg_recv(sv[1], 5, &data, &len, &fd, &err), ECONNRESET, &err,
		    "msg-peer-gone", "the peer is gone");
	close(sv[1]);
	tap_refused(erot_msg_send(sv[0], "hello", 5, -1, &err), EPIPE, &err, "msg-peer-gone",
		    "nobody to send to");
	close(sv[0]);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	test_error();
	test_buf();
	test_secret();
	test_text();
	test_files();
	test_msg();
	return tap_done();
}
