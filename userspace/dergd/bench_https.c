// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_https [EACH [ROUNDS]]: attested releases over HTTPS in a second, by one client and by
 * several at once, each with a connection of its own that is kept open, from a dergd of its own on
 * each database; next to what the HSM does for as many threads and to the same releases without
 * HTTP, measured in turns: make bench BENCH=derg. As in production the server shows a certificate
 * (TLS 1.3), the machine none: what it says is proven by its quote. Requests are put together
 * before, and answers opened after what is measured. Not a test. Output as bench/lib.sh has it.
 */
#include "dergd/bench_machine.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>

#include "common/base64.h"
#include "liberot/release.h"
#include "liberot/service.h"

#define ROUNDS		5
#define BACKLOG		64
#define LISTEN_FD	3	/* where sd_listen_fds(3) begins */
#define TIMEOUT		60L	/* seconds, of a request */
#define TAIL		2000	/* bytes of dergd's log, where something failed */
#define T		"/v1/tenants/default"

/**
 * struct server - a dergd
 * @url: "https://127.0.0.1:port"
 * @log: file that it writes to
 */
struct server {
	pid_t pid;
	char url[64];
	char log[160];
};

/**
 * struct conn - of one client
 * @why: the last request failed
 */
struct conn {
	CURL *curl;
	const struct server *server;
	char why[CURL_ERROR_SIZE];
};

/**
 * struct asking - what struct item has not: HTTPS
 * @session_sk: of the session
 * @body: of the release's request
 * @answer: to the last request
 */
struct asking {
	uint8_t session_sk[EROT_KEY_SIZE];
	struct derg_challenge challenge;
	struct bench_quote quote;
	char *body;
	struct erot_buf answer;
};

static struct conn conns[CLIENTS];
static struct asking asked[COUNT];
static char certificate[128], key[128];
static struct curl_slist *headers;

/* ---- dergd */

static void show_log(const struct server *s)
{
	char text[TAIL + 1], *line, *save = NULL;
	FILE *f = fopen(s->log, "r");
	size_t n;

	if (!f)
		return;
	if (fseek(f, -TAIL, SEEK_END))
		rewind(f);
	n = fread(text, 1, TAIL, f);
	fclose(f);
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# dergd: %s\n", line);
}

static void make_certificate(const char *dir)
{
	char *argv[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
			 "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
			 "-days", "2", "-subj", "/CN=bench", "-addext",
			 "subjectAltName=IP:127.0.0.1", NULL };
	pid_t pid;
	int null;

	snprintf(certificate, sizeof(certificate), "%s/server.pem", dir);
	snprintf(key, sizeof(key), "%s/server.key", dir);
	pid = fork();
	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || test_wait(pid))
		test_bail("openssl req failed");
}

/* Who connects waits until dergd accepts: nobody has to know when it is ready. */
static int bound(char url[64])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		test_bail("no socket");
	snprintf(url, 64, "https://127.0.0.1:%u", ntohs(addr.sin_port));
	return fd;
}

/* Of this build; it does not outlive this process. */
static void exec_dergd(const char *config, const char *log, int listener, pid_t parent)
{
	char self[PATH_MAX], pid[16], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - sizeof("dergd"));
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (n <= 0 || fd < 0 || dup2(fd, 2) < 0 || dup2(listener, LISTEN_FD) < 0 ||
	    fcntl(LISTEN_FD, F_SETFD, 0) || getppid() != parent)
		_exit(126);
	self[n] = '\0';
	slash = strrchr(self, '/');
	memcpy(slash + 1, "dergd", sizeof("dergd"));
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	execl(self, "dergd", "--config", config, NULL);
	_exit(127);
}

static void start_dergd(struct server *s, const struct side *side, const char *dir)
{
	char config[160], text[640];
	pid_t parent = getpid();
	int n, listener;

	snprintf(s->log, sizeof(s->log), "%s/%s.log", dir, side->name);
	snprintf(config, sizeof(config), "%s/%s.conf", dir, side->name);
	n = snprintf(text, sizeof(text), "listen = 127.0.0.1:0\ncertificate = %s\nkey = %s\n"
		     "directory = %s\n", certificate, key, side->dir);
	check(erot_write_file(config, text, n, 0600, &err), config, &err);
	listener = bound(s->url);
	s->pid = fork();
	if (!s->pid)
		exec_dergd(config, s->log, listener, parent);
	close(listener);
	if (s->pid < 0)
		test_bail("fork");
}

static void stop_dergd(const struct server *s)
{
	kill(s->pid, SIGTERM);
	if (!test_wait(s->pid))
		return;
	show_log(s);
	test_bail("dergd ended badly");
}

/* ---- connections */

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct erot_buf *answer = ctx;

	erot_buf_add(answer, data, size * n);
	return answer->failed ? 0 : size * n;
}

static void no_answer(const struct conn *c, const char *path, const char *why, size_t len)
{
	flockfile(stdout);
	printf("# %s%s: %.*s\n", c->server->url, path, (int)len, why);
	show_log(c->server);
	test_bail("no answer over HTTPS");
}

/* Another status than @want, or another number of new connections than @connects, ends it all. */
static void call(struct conn *c, const char *path, const char *body, long want, long connects,
		 struct erot_buf *answer)
{
	long status = 0, opened = -1;
	char url[256], text[64];

	erot_buf_free(answer);
	snprintf(url, sizeof(url), "%s%s", c->server->url, path);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, answer);
	if (body) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
	}
	if (curl_easy_perform(c->curl))
		no_answer(c, path, c->why, strlen(c->why));
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->curl, CURLINFO_NUM_CONNECTS, &opened);
	if (status != want)
		no_answer(c, path, answer->data ? (char *)answer->data : "", answer->len);
	snprintf(text, sizeof(text), "%ld connections were opened for it, not %ld", opened,
		 connects);
	if (opened != connects)		/* what is kept open cost its handshake before */
		no_answer(c, path, text, strlen(text));
}

static void open_conn(struct conn *c, const struct server *s)
{
	struct erot_buf answer = { 0 };
	CURL *curl = curl_easy_init();
	CURLcode ret = CURLE_OK;

	if (!curl)
		test_bail("libcurl");
	c->curl = curl;
	c->server = s;
	ret |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	ret |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	ret |= curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
	ret |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	ret |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	ret |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	ret |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT);
	ret |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	ret |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	ret |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->why);
	if (ret != CURLE_OK)
		test_bail("libcurl lacks what is needed (TLS 1.3)");
	call(c, "/healthz", NULL, 200, 1, &answer);
	erot_buf_free(&answer);
}

/* ---- what the machine asks for */

static void ask_challenge(struct side *s, unsigned int client, unsigned int i)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], path[128];

	snprintf(path, sizeof(path), T "/machines/%s/challenges",
		 erot_hex(s->machine, EROT_DIGEST_SIZE, hex));
	call(&conns[client], path, "{}", 201, 0, &asked[i].answer);
}

static void read_challenge(struct side *s, unsigned int client, unsigned int i)
{
	struct erot_buf *answer = &asked[i].answer;
	json_t *json = json_loadb((char *)answer->data, answer->len, 0, NULL);
	struct erot_error e;

	(void)s;
	(void)client;
	check(erot_service_bytes(json, "challenge", asked[i].challenge.challenge,
				 DERG_CHALLENGE_SIZE, &e), "challenge", &e);
	json_decref(json);
}

static void make_challenge(struct side *s, unsigned int client, unsigned int i)
{
	struct erot_error e;

	check(derg_challenge(&s->d[client], "default", s->machine, time(NULL),
			     &asked[i].challenge, &e), "challenge", &e);
}

static void make_request(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];
	struct asking *a = &asked[i];

	(void)client;
	it->req = (struct derg_release_request) {
		.tenant = "default", .machine = s->machine, .receipt = it->receipt.cms,
		.receipt_len = it->receipt.cms_len, .state = machine.state,
		.challenge = a->challenge.challenge,
	};
	if (erot_hpke_keypair(a->session_sk, it->req.session_pk))
		test_bail("key");
	quote_make(&a->quote, &it->req, it->receipt.digest);
	it->req.quote = a->quote.q;
}

static void set_base64(json_t *json, const char *name, const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);

	if (!text || json_object_set_new(json, name, json_string(text)))
		test_bail("no memory");
	free(text);
}

static void make_body(struct side *s, unsigned int client, unsigned int i)
{
	const struct derg_release_request *req = &s->items[i].req;
	char hex[2 * EROT_DIGEST_SIZE + 1], *state = erot_machine_state_build(&req->state);
	json_t *json;

	(void)client;
	json = json_pack("{s:s,s:o}", "machine", erot_hex(req->machine, EROT_DIGEST_SIZE, hex),
			 "state", state ? json_loads(state, 0, NULL) : NULL);
	free(state);
	set_base64(json, "receipt", req->receipt, req->receipt_len);
	set_base64(json, "sessionKey", req->session_pk, sizeof(req->session_pk));
	set_base64(json, "challenge", req->challenge, DERG_CHALLENGE_SIZE);
	set_base64(json, "quote", req->quote.attest, req->quote.attest_len);
	set_base64(json, "signature", req->quote.signature, req->quote.signature_len);
	asked[i].body = json_dumps(json, JSON_COMPACT);
	if (!asked[i].body)
		test_bail("no memory");
	json_decref(json);
}

static void ask_release(struct side *s, unsigned int client, unsigned int i)
{
	(void)s;
	call(&conns[client], T "/releases", asked[i].body, 200, 0, &asked[i].answer);
}

/* It is a release, to this session, and says where it stands in the log. */
static void open_answer(struct side *s, unsigned int client, unsigned int i)
{
	struct asking *a = &asked[i];
	json_t *json = json_loadb((char *)a->answer.data, a->answer.len, 0, NULL);
	struct erot_release_info info;
	struct erot_release release;
	struct erot_error e;

	(void)client;
	check(erot_service_bytes(json, "release", &release, sizeof(release), &e), "release", &e);
	check(erot_release_open(&release, s->items[i].receipt.digest, a->session_sk,
				machine.boot_sk, &info, &e), "release", &e);
	if (!json_string_length(json_object_get(json, "proof")))
		test_bail("a release without a proof");
	json_decref(json);
	erot_buf_free(&a->answer);
	free(a->body);
	a->body = NULL;
}

/* ---- all of it */

/* Everything up to the receipt. */
static void order(struct side *s, int round)
{
	run_phase(s, NULL, NULL, make_statement, 2, round);
	run_phase(s, NULL, NULL, make_order, 2, round);
	run_phase(s, NULL, NULL, make_receipt, 2, round);
}

static void measure(struct side *s, const struct server *server, unsigned int clients, int round)
{
	unsigned int i;

	order(s, round);
	for (i = 0; i < clients; i++)
		open_conn(&conns[i], server);
	run_phase(s, s->name, "challenge-https", ask_challenge, clients, round);
	run_phase(s, NULL, NULL, read_challenge, 1, round);
	run_phase(s, NULL, NULL, make_request, 2, round);
	run_phase(s, NULL, NULL, make_body, 2, round);
	run_phase(s, s->name, "release-https", ask_release, clients, round);
	for (i = 0; i < clients; i++)
		curl_easy_cleanup(conns[i].curl);
	run_phase(s, s->raw, "release", raw_release, clients, round);
	run_phase(s, NULL, NULL, open_answer, 1, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
	order(s, round);
	run_phase(s, NULL, NULL, make_challenge, 2, round);
	run_phase(s, NULL, NULL, make_request, 2, round);
	run_phase(s, s->name, "release-proof", release_prove, clients, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "attested-sqlite", "attested-postgresql" };
	static const unsigned int clients[] = { 1, 4, 16 };
	static struct server servers[2];
	static struct side sides[2];
	struct test_base base;
	int round, i;
	size_t c;

	bench_begin(argc, argv, ROUNDS);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !headers)
		test_bail("libcurl");
	test_base_start(&base);
	test_new_database(&base, "https");
	machine_begin();
	make_certificate(base.dir);
	for (i = 0; i < 2; i++) {
		open_side(&sides[i], names[i], base.dir, base.urls[i], true, 1);
		machine_join(&sides[i]);
		start_dergd(&servers[i], &sides[i], base.dir);
	}
	for (round = 1; round <= rounds; round++)
		for (c = 0; c < sizeof(clients) / sizeof(clients[0]); c++) {
			bench_count(clients[c]);
			for (i = 0; i < 2; i++)
				measure(&sides[i], &servers[i], clients[c], round);
		}
	for (i = 0; i < 2; i++) {
		stop_dergd(&servers[i]);
		close_side(&sides[i]);
	}
	curl_slist_free_all(headers);
	curl_global_cleanup();
	machine_end();
	bench_end();
	test_base_stop(&base);
	return 0;
}
