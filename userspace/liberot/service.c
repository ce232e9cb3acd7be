// SPDX-License-Identifier: GPL-2.0-only
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "liberot/service.h"

#define URL_MAX		2048
#define TIMEOUT		60L
#define CONNECT_TIMEOUT	15L

/**
 * struct erot_service - one connection
 * @curl:  kept for its connection and TLS session
 * @url:   without a slash at the end
 * @answer: of the request that runs
 */
struct erot_service {
	CURL *curl;
	struct curl_slist *headers;
	char url[URL_MAX];
	struct erot_buf answer;
};

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct erot_service *s = ctx;

	if (size * n > EROT_SERVICE_ANSWER_MAX - s->answer.len)
		return 0;
	erot_buf_add(&s->answer, data, size * n);
	return s->answer.failed ? 0 : size * n;
}

static int set_options(struct erot_service *s, const struct erot_service_config *c)
{
	CURL *curl = s->curl;
	CURLcode ret = CURLE_OK;

	ret |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	ret |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	ret |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	ret |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	ret |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	/* no proxies from the environment */
	ret |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	ret |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	ret |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
	ret |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, c->timeout ? (long)c->timeout : TIMEOUT);
	ret |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, s->headers);
	ret |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	ret |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
	if (c->ca)
		ret |= curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca);
	if (c->ca)
		ret |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (c->cert)
		ret |= curl_easy_setopt(curl, CURLOPT_SSLCERT, c->cert);
	if (c->key)
		ret |= curl_easy_setopt(curl, CURLOPT_SSLKEY, c->key);
	return ret != CURLE_OK;
}

static int check_url(const char *url, char out[URL_MAX], struct erot_error *err)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	if (strncmp(url, "https://", 8) || len <= 8 || len >= URL_MAX || strpbrk(url, " ?#@"))
		return erot_fail(err, EINVAL, "service-url",
				 "a DERG's address is https://host:port, not %s", url);
	memcpy(out, url, len);
	out[len] = '\0';
	return 0;
}

int erot_service_open(const struct erot_service_config *config, struct erot_service **service,
		      struct erot_error *err)
{
	struct erot_service *s;
	int ret;

	*service = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return erot_fail(err, ENOMEM, "no-memory", "service");
	ret = check_url(config->url, s->url, err);
	if (!ret) {
		s->curl = curl_easy_init();
		s->headers = curl_slist_append(NULL, "Content-Type: application/json");
		if (!s->curl || !s->headers || set_options(s, config))
			ret = erot_fail(err, EIO, "service-internal",
					"libcurl lacks what is needed (TLS 1.3)");
	}
	if (ret)
		erot_service_close(s);
	else
		*service = s;
	return ret;
}

void erot_service_close(struct erot_service *s)
{
	if (!s)
		return;
	curl_easy_cleanup(s->curl);
	curl_slist_free_all(s->headers);
	erot_buf_free(&s->answer);
	free(s);
}

/* Whether the request can have been carried out is what a caller has to know. */
static int transport_error(struct erot_service *s, CURLcode code, struct erot_error *err)
{
	const char *why = curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return erot_fail(err, EHOSTUNREACH, "service-unreachable", "%s: %s", s->url, why);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return erot_fail(err, EKEYREJECTED, "service-tls", "%s: %s", s->url, why);
	case CURLE_SSL_CONNECT_ERROR:
		/* Also a connection that ends in the handshake: the server is being stopped. */
		return erot_fail(err, ECONNRESET, "service-lost", "%s: %s", s->url, why);
	case CURLE_WRITE_ERROR:
		return erot_fail(err, EPROTO, "service-answer", "%s: the answer is too long",
				 s->url);
	default:
		return erot_fail(err, ECONNRESET, "service-lost", "%s: %s", s->url, why);
	}
}

static const char *text_of(const json_t *problem, const char *name)
{
	const char *text = json_string_value(json_object_get(problem, name));

	return text ?: "";
}

static int errno_of(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return EEXIST;
	case 429:
	case 503:
		return EAGAIN;
	default:
		return status >= 400 && status < 500 ? EINVAL : EIO;
	}
}

/* RFC 9457. */
static int refusal(struct erot_service *s, long status, const json_t *problem,
		   struct erot_error *err)
{
	const char *code = text_of(problem, "code");

	if (!code[0])
		return erot_fail(err, errno_of(status), "service-answer",
				 "%s: HTTP status %ld without a code", s->url, status);
	return erot_fail_compared(err, errno_of(status), code, text_of(problem, "expected"),
				  text_of(problem, "actual"), "refused by the DERG: %s",
				  text_of(problem, "detail"));
}

static int perform(struct erot_service *s, const char *method, const char *path, const char *body,
		   long *status, struct erot_error *err)
{
	char url[URL_MAX + 1024];
	CURLcode code = CURLE_OK;

	if ((size_t)snprintf(url, sizeof(url), "%s%s", s->url, path) >= sizeof(url))
		return erot_fail(err, EINVAL, "service-url", "path is too long");
	erot_buf_free(&s->answer);
	code |= curl_easy_setopt(s->curl, CURLOPT_URL, url);
	if (body) {
		code |= curl_easy_setopt(s->curl, CURLOPT_POST, 1L);
		code |= curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t)strlen(body));
		code |= curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, body);
	} else {
		code |= curl_easy_setopt(s->curl, CURLOPT_HTTPGET, 1L);
	}
	code |= curl_easy_setopt(s->curl, CURLOPT_CUSTOMREQUEST, method);
	if (code != CURLE_OK)
		return erot_fail(err, EIO, "service-internal", "libcurl refuses an option");
	code = curl_easy_perform(s->curl);
	if (code != CURLE_OK)
		return transport_error(s, code, err);
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, status);
	return 0;
}

int erot_service_call(struct erot_service *s, const char *method, const char *path,
		      const json_t *body, json_t **answer, struct erot_error *err)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *json = NULL;
	long status = 0;
	int ret;

	if (answer)
		*answer = NULL;
	if (body && !text)
		return erot_fail(err, ENOMEM, "no-memory", "request");
	ret = perform(s, method, path, text, &status, err);
	free(text);
	if (ret)
		goto out;
	if (s->answer.len)
		json = json_loadb((char *)s->answer.data, s->answer.len, JSON_REJECT_DUPLICATES,
				  NULL);
	if (status < 200 || status >= 300)
		ret = refusal(s, status, json, err);
	else if (answer && !json_is_object(json))
		ret = erot_fail(err, EPROTO, "service-answer", "%s: the answer is not JSON",
				s->url);
out:
	erot_buf_free(&s->answer);
	if (!ret && answer)
		*answer = json;
	else
		json_decref(json);
	return ret;
}

int erot_service_base64(const json_t *answer, const char *name, size_t max, uint8_t **data,
			size_t *len, struct erot_error *err)
{
	const char *text = json_string_value(json_object_get(answer, name));

	*data = NULL;
	if (!text || erot_base64_decode(text, max, data, len, NULL))
		return erot_fail(err, EPROTO, "service-answer",
				 "the DERG's answer has no (valid) \"%s\"", name);
	return 0;
}

int erot_service_bytes(const json_t *answer, const char *name, void *out, size_t len,
		       struct erot_error *err)
{
	const char *text = json_string_value(json_object_get(answer, name));

	if (!text || erot_base64_exact(text, out, len, NULL))
		return erot_fail(err, EPROTO, "service-answer",
				 "the DERG's answer has no (valid) \"%s\"", name);
	return 0;
}
