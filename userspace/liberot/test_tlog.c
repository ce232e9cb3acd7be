// SPDX-License-Identifier: GPL-2.0-only
/* Trees and proofs of RFC 6962, against published roots and a second implementation. */
#include "liberot/test_oracle.h"

#include "liberot/tlog.h"

#define SIZES	70

/* Complete subtrees of a small tree, as a log would have stored them. */
static uint8_t nodes[8][SIZES][32];
static unsigned int fetched;

static int from_memory(void *ctx, const uint64_t *want, size_t n, uint8_t (*out)[32],
		       struct erot_error *err)
{
	uint64_t size = *(uint64_t *)ctx, level, index;
	size_t i;

	for (i = 0; i < n; i++) {
		level = want[i] >> 56;
		index = want[i] & ((1ULL << 56) - 1);
		/* a node that the tree does not have cannot be asked for */
		if (level > 7 || (index + 1) << level > size)
			return erot_fail(err, EINVAL, "test-node", "no such node");
		memcpy(out[i], nodes[level][index], 32);
	}
	fetched++;
	return 0;
}

static void make_nodes(void)
{
	unsigned int level, i;
	char leaf[16];
	int bad = 0;

	for (i = 0; i < SIZES; i++) {
		snprintf(leaf, sizeof(leaf), "leaf %u", i);
		bad |= erot_tlog_leaf(leaf, strlen(leaf), nodes[0][i]);
	}
	for (level = 1; level < 8; level++)
		for (i = 0; (i + 1) << level <= SIZES; i++)
			bad |= erot_tlog_node(nodes[level - 1][2 * i], nodes[level - 1][2 * i + 1],
					      nodes[level][i]);
	tap_ok(!bad, "hashes of %d leaves", SIZES);
}

/* Roots that Certificate Transparency's implementations have published. */
static void test_published(void)
{
	static const struct {
		const char *leaf, *root;
	} rows[] = {
		{ "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "5051525354555657",
		  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "606162636465666768696a6b6c6d6e6f",
		  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	uint8_t data[16], root[32], want[32], keep[8][32];
	uint64_t size;
	struct erot_error err = { 0 };
	unsigned int i;

	memcpy(keep, nodes[0], sizeof(keep));
	tap_ok(!erot_tlog_root(0, from_memory, NULL, root, &err) &&
	       !erot_unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", want,
			   32) && !memcmp(root, want, 32), "root of no leaf");
	for (i = 0; i < 8; i++) {
		size_t len = strlen(rows[i].leaf) / 2;

		erot_unhex(rows[i].leaf, data, len);
		erot_tlog_leaf(data, len, nodes[0][i]);
		if (i & 1)
			erot_tlog_node(nodes[0][i - 1], nodes[0][i], nodes[1][i / 2]);
		if (i % 4 == 3)
			erot_tlog_node(nodes[1][i / 2 - 1], nodes[1][i / 2], nodes[2][i / 4]);
		if (i == 7)
			erot_tlog_node(nodes[2][0], nodes[2][1], nodes[3][0]);
		size = i + 1;
		erot_unhex(rows[i].root, want, 32);
		tap_ok(!erot_tlog_root(size, from_memory, &size, root, &err) &&
		       !memcmp(root, want, 32), "published root of %u leaves", i + 1);
	}
	make_nodes();
	tap_ok(!memcmp(keep, nodes[0], sizeof(keep)), "leaves as before");
}

static int same(const struct erot_tlog_proof *p, char *rest)
{
	uint8_t hash[32];
	char *word, *save = NULL;
	size_t n = 0;

	for (word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save), n++)
		if (n >= p->count || erot_unhex(word, hash, 32) || memcmp(hash, p->hash[n], 32))
			return 0;
	return n == p->count;
}

static uint8_t roots[SIZES + 1][32];

struct tally {
	unsigned int roots, inclusions, consistencies, bad;
};

static int one_line(char *line, struct tally *t)
{
	struct erot_tlog_proof p = { .count = 0 };
	struct erot_error err = { 0 };
	unsigned int m, n = 0;
	char *rest = line;
	uint64_t size;
	int at = 0;

	if (sscanf(line, "root %u %n", &n, &at) == 1 && at) {
		size = n;
		t->roots++;
		return n > SIZES || erot_unhex(line + at, roots[n], 32) ||
		       erot_tlog_root(n, from_memory, &size, p.hash[0], &err) ||
		       memcmp(p.hash[0], roots[n], 32);
	}
	if (sscanf(line, "inclusion %u %u%n", &m, &n, &at) == 2 && at) {
		size = n;
		t->inclusions++;
		return erot_tlog_prove_inclusion(m, n, from_memory, &size, &p, &err) ||
		       !same(&p, rest + at) ||
		       erot_tlog_check_inclusion(m, n, nodes[0][m], &p, roots[n], &err);
	}
	if (sscanf(line, "consistency %u %u%n", &m, &n, &at) == 2 && at) {
		size = n;
		t->consistencies++;
		return erot_tlog_prove_consistency(m, n, from_memory, &size, &p, &err) ||
		       !same(&p, rest + at) ||
		       erot_tlog_check_consistency(m, n, &p, roots[m], roots[n], &err);
	}
	return 1;
}

static void test_oracle(void)
{
	struct tally t = { 0 };
	char *text, *line, *save = NULL;

	tap_ok(!oracle(ORACLE("rfc", "70"), "", 0, &text) && text, "oracle");
	if (!text)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char copy[4096];

		snprintf(copy, sizeof(copy), "%s", line);
		if (one_line(copy, &t) && !t.bad++)
			printf("# %s\n", line);
	}
	tap_ok(!t.bad && t.roots == SIZES + 1, "%u roots", t.roots);
	tap_ok(!t.bad && t.inclusions == SIZES * (SIZES + 1) / 2, "%u inclusion proofs",
	       t.inclusions);
	tap_ok(!t.bad && t.consistencies == SIZES * (SIZES + 1) / 2, "%u consistency proofs",
	       t.consistencies);
	free(text);
}

/* Nothing but the right proof passes: each bit, each hash too few or too many, each index. */
static void test_forgeries(void)
{
	struct erot_tlog_proof p, q;
	struct erot_error err = { 0 };
	uint64_t size, m, other;
	unsigned int passed = 0, tried = 0;
	uint8_t wrong[32];
	size_t i;

	for (size = 1; size <= 40; size++) {
		for (m = 0; m < size; m++) {
			erot_tlog_prove_inclusion(m, size, from_memory, &size, &p, &err);
			for (i = 0; i < p.count; i++) {
				q = p;
				q.hash[i][i % 32] ^= 0x10;
				passed += !erot_tlog_check_inclusion(m, size, nodes[0][m], &q,
								     roots[size], &err);
				tried++;
			}
			q = p;
			memcpy(q.hash[q.count++], roots[1], 32);
			passed += !erot_tlog_check_inclusion(m, size, nodes[0][m], &q, roots[size],
							     &err);
			if (p.count) {
				q = p;
				q.count--;
				passed += !erot_tlog_check_inclusion(m, size, nodes[0][m], &q,
								     roots[size], &err);
			}
			memcpy(wrong, nodes[0][m], 32);
			wrong[31] ^= 1;
			passed += !erot_tlog_check_inclusion(m, size, wrong, &p, roots[size], &err);
			for (other = 0; other < size + 2; other++)
				if (other != m)
					passed += !erot_tlog_check_inclusion(other, size,
						nodes[0][m], &p, roots[size], &err);
			tried += 3 + size;
		}
	}
	tap_ok(!passed && tried > 25000, "%u of %u forged inclusion proofs pass", passed, tried);
}

static void test_rewritten(void)
{
	struct erot_tlog_proof p, q;
	struct erot_error err = { 0 };
	uint64_t size, m;
	unsigned int passed = 0, tried = 0;
	uint8_t wrong[32];
	size_t i;

	for (size = 1; size <= 40; size++) {
		for (m = 1; m <= size; m++) {
			erot_tlog_prove_consistency(m, size, from_memory, &size, &p, &err);
			memcpy(wrong, roots[m], 32);
			wrong[0] ^= 1;
			passed += !erot_tlog_check_consistency(m, size, &p, wrong, roots[size],
							       &err);
			memcpy(wrong, roots[size], 32);
			wrong[0] ^= 1;
			passed += !erot_tlog_check_consistency(m, size, &p, roots[m], wrong, &err);
			for (i = 0; i < p.count; i++) {
				q = p;
				q.hash[i][5] ^= 1;
				passed += !erot_tlog_check_consistency(m, size, &q, roots[m],
								       roots[size], &err);
			}
			q = p;
			memcpy(q.hash[q.count++], roots[1], 32);
			passed += !erot_tlog_check_consistency(m, size, &q, roots[m], roots[size],
							       &err);
			q = p;
			if (q.count && q.count--)
				passed += !erot_tlog_check_consistency(m, size, &q, roots[m],
								       roots[size], &err);
			/* said to be much larger than it is */
			passed += !erot_tlog_check_consistency(m, 4 * size, &p, roots[m],
							       roots[size], &err);
			tried += 5 + (unsigned int)p.count;
		}
	}
	tap_ok(!passed && tried > 3000, "%u of %u rewritten histories pass", passed, tried);
	p.count = 0;
	tap_ok(!erot_tlog_check_consistency(0, 5, &p, roots[0], roots[5], &err),
	       "nothing is a prefix of everything");
	tap_refused(erot_tlog_check_consistency(0, 5, &p, roots[1], roots[5], &err), EKEYREJECTED,
		    &err, "log-consistency", "but it has one root");
	tap_refused(erot_tlog_check_consistency(6, 5, &p, roots[6], roots[5], &err), EKEYREJECTED,
		    &err, "log-consistency", "a tree that shrinks");
	tap_refused(erot_tlog_check_consistency(8, 5, &p, roots[8], roots[8], &err), EKEYREJECTED,
		    &err, "log-consistency", "or only says that it does");
	tap_refused(erot_tlog_prove_inclusion(5, 5, from_memory, &size, &p, &err), EINVAL, &err,
		    "log-index", "proof of an entry that is not there");
	tap_refused(erot_tlog_prove_consistency(6, 5, from_memory, &size, &p, &err), EINVAL, &err,
		    "log-index", "proof from a larger tree");
	p.count = EROT_TLOG_PROOF_MAX + 1;
	tap_refused(erot_tlog_check_inclusion(0, 5, nodes[0][0], &p, roots[5], &err), EKEYREJECTED,
		    &err, "log-inclusion", "more hashes than any proof has");
}

/* A tree of 2^55 equal leaves: the largest, and every node of a level is the same. */
static int equal_leaves(void *ctx, const uint64_t *want, size_t n, uint8_t (*out)[32],
			struct erot_error *err)
{
	uint8_t (*levels)[32] = ctx;
	size_t i;

	(void)err;
	for (i = 0; i < n; i++)
		memcpy(out[i], levels[want[i] >> 56], 32);
	fetched++;
	return 0;
}

static void test_large(void)
{
	static uint8_t levels[56][32];
	uint64_t size = EROT_TLOG_SIZE_MAX - 1, at[] = { 0, 1, size / 3, size - 2, size - 1 };
	struct erot_error err = { 0 };
	struct erot_tlog_proof p;
	uint8_t root[32], old[32];
	unsigned int i;

	erot_tlog_leaf("x", 1, levels[0]);
	for (i = 1; i < 56; i++)
		erot_tlog_node(levels[i - 1], levels[i - 1], levels[i]);
	tap_ok(!erot_tlog_root(size, equal_leaves, levels, root, &err), "root of 2^55 - 1 leaves");
	for (i = 0; i < 5; i++) {
		fetched = 0;
		tap_ok(!erot_tlog_prove_inclusion(at[i], size, equal_leaves, levels, &p, &err) &&
		       !erot_tlog_check_inclusion(at[i], size, levels[0], &p, root, &err) &&
		       fetched == 1, "entry %llu in it", (unsigned long long)at[i]);
		tap_ok(!erot_tlog_root(at[i] + 1, equal_leaves, levels, old, &err) &&
		       !erot_tlog_prove_consistency(at[i] + 1, size, equal_leaves, levels, &p,
						    &err) &&
		       !erot_tlog_check_consistency(at[i] + 1, size, &p, old, root, &err),
		       "and the tree that ends there");
	}
	tap_refused(erot_tlog_root(EROT_TLOG_SIZE_MAX + 1, equal_leaves, levels, root, &err),
		    EINVAL, &err, "log-index", "a tree too large");
}

static void test_tiles(void)
{
	static const struct {
		const char *path;
		struct erot_tlog_tile tile;
	} good[] = {
		{ "0/000", { 0, 0, 0, 256 } },
		{ "0/x001/x234/067", { 0, 0, 1234067, 256 } },
		{ "entries/x001/x234/067.p/112", { 1, 0, 1234067, 112 } },
		{ "63/999.p/1", { 0, 63, 999, 1 } },
		{ "1/x001/000.p/255", { 0, 1, 1000, 255 } },
		{ "2/x140/x737/x488/x355/x327/999", { 0, 2, 140737488355327999, 256 } },
	};
	static const char *const bad[] = {
		"", "0", "0/", "/000", "0/0", "0/00", "0/0000", "0/x000/000", "0/001/x234",
		"00/000", "01/000", "64/000", "-1/000", "0/x001/x234/067/", "0/000.p/0",
		"0/000.p/256", "0/000.p/01", "0/000.p/", "0/000.p", "0/000.p/1/", "0/000.p/+1",
		"0/1000", "0/x1/000", "entries", "entries/", "entriesx/000", "Entries/000",
		"0/000 ", " 0/000", "0/a00", "0/x001/x001/x001/x001/x001/x001/000",
		"0/x018/x446/x744/x073/x709/x551/615", "0/..",
		"0/../000", "x000", "0//000",
	};
	struct erot_tlog_tile tile;
	struct erot_error err = { 0 };
	char path[EROT_TLOG_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		tap_ok(!erot_tlog_tile_parse(good[i].path, &tile, &err) &&
		       !memcmp(&tile, &good[i].tile, sizeof(tile)), "%s", good[i].path);
		erot_tlog_tile_path(&good[i].tile, path);
		tap_ok(!strcmp(path, good[i].path), "and back");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "tile \"%s\"", bad[i]);
		tap_refused(erot_tlog_tile_parse(bad[i], &tile, &err), EINVAL, &err, "log-path",
			    name);
	}
}

int main(void)
{
	make_nodes();
	test_published();
	test_oracle();
	test_forgeries();
	test_rewritten();
	test_large();
	test_tiles();
	return tap_done();
}
