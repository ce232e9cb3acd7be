// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot key: an X25519 pair made at load. Its public half is extended into
 * a PCR that cannot be reset, so that a quote shows which module made it.
 */
#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tpm.h>
#include <linux/erot_format.h>

#include "bootkey.h"
#include "host.h"
#include "hpke.h"
#include "secret.h"

static unsigned int pcr = 13;
module_param(pcr, uint, 0444);
MODULE_PARM_DESC(pcr, "PCR for the boot key, one that cannot be reset (8 to 15)");

static struct erot_secret *boot;	/* only session_sk is used */
static u8 boot_pk[EROT_KEY_SIZE];
static bool in_pcr;

/* message = EROT_LABEL_BOOT || public key || module version, hashed once for each bank */
static int bank_digest(struct tpm_digest *digest, const struct tpm_bank_info *bank)
{
	static const char label[] = EROT_LABEL_BOOT;
	SHASH_DESC_ON_STACK(desc, NULL);
	struct crypto_shash *tfm;
	int err;

	if (bank->crypto_id >= HASH_ALGO__LAST || bank->digest_size > sizeof(digest->digest))
		return -EOPNOTSUPP;
	tfm = crypto_alloc_shash(hash_algo_name[bank->crypto_id], 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	desc->tfm = tfm;
	digest->alg_id = bank->alg_id;
	err = crypto_shash_init(desc) ?:
	      crypto_shash_update(desc, label, sizeof(label) - 1) ?:
	      crypto_shash_update(desc, boot_pk, sizeof(boot_pk)) ?:
	      crypto_shash_finup(desc, THIS_MODULE->version, strlen(THIS_MODULE->version),
				 digest->digest);
	shash_desc_zero(desc);
	crypto_free_shash(tfm);
	return err;
}

static int extend(struct tpm_chip *chip)
{
	struct tpm_digest *digests;
	unsigned int i;
	int err = 0;

	digests = kcalloc(chip->nr_allocated_banks, sizeof(*digests), GFP_KERNEL);
	if (!digests)
		return -ENOMEM;
	for (i = 0; !err && i < chip->nr_allocated_banks; i++)
		err = bank_digest(&digests[i], &chip->allocated_banks[i]);
	if (!err)
		err = tpm_pcr_extend(chip, pcr, digests);
	kfree(digests);
	return err > 0 ? -EIO : err;
}

int erot_bootkey_init(void)
{
	struct tpm_chip *chip;
	int err;

	if (pcr < 8 || pcr > 15) {
		pr_err("erot: pcr=%u: only 8 to 15 serve\n", pcr);
		return -EINVAL;
	}
	boot = erot_secret_alloc(GFP_KERNEL);
	if (!boot)
		return -ENOMEM;
	err = erot_hpke_keypair(boot->session_sk, boot_pk);
	if (err)
		goto fail;

	chip = tpm_default_chip();
	if (!chip) {
		if (!erot_open)
			pr_notice("erot: no TPM: the boot key stands in no PCR\n");
		return 0;
	}
	err = extend(chip);
	put_device(&chip->dev);
	if (err) {
		pr_err("erot: extending PCR %u with the boot key failed (%d)\n", pcr, err);
		goto fail;
	}
	in_pcr = true;
	return 0;
fail:
	erot_secret_free(boot);
	boot = NULL;
	return err;
}

void erot_bootkey_exit(void)
{
	erot_secret_free(boot);
	boot = NULL;
}

/* For the end of this boot: nobody may use it any more. Any context. */
void erot_bootkey_wipe(void)
{
	if (boot)
		memzero_explicit(boot, sizeof(*boot));
}

const u8 *erot_bootkey_public(void)
{
	return boot_pk;
}

const u8 *erot_bootkey_secret(void)
{
	return boot->session_sk;
}

bool erot_bootkey_in_pcr(void)
{
	return in_pcr;
}

u32 erot_bootkey_pcr(void)
{
	return pcr;
}
