// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells every secret of erot.ko to whoever runs the virtual machine: for the
 * test that searches the machine's memory from outside. A module of its own, so
 * that the erot.ko under test is the one that is shipped, byte for byte.
 *
 * Functions of erot.ko that take a secret are probed where they are entered. The
 * secret leaves by the third serial port, loaded byte by byte from its place:
 * no copy of it comes to be in the memory that is about to be searched. Then
 * the machine waits, inside the probe, until one byte has come back, so that
 * memory can be looked at in just that moment.
 */
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/security.h>

#define PORT		0x3e8	/* COM3 */
#define DATA		(PORT + 0)
#define STATUS		(PORT + 5)
#define CAN_READ	0x01
#define CAN_WRITE	0x20
#define SECRET_SIZE	32

static bool tell_all_secrets;
module_param(tell_all_secrets, bool, 0444);
MODULE_PARM_DESC(tell_all_secrets, "without it the module does not load");

static void put(u8 c)
{
	while (!(inb(STATUS) & CAN_WRITE))
		cpu_relax();
	outb(c, DATA);
}

static void say(const char *text)
{
	while (*text)
		put(*text++);
}

/* "NAME HEX\n"; goes on when it was answered. */
static void tell(const char *name, const u8 *secret)
{
	static const char digit[] = "0123456789abcdef";
	unsigned int i;

	say(name);
	put(' ');
	for (i = 0; secret && i < SECRET_SIZE; i++) {
		put(digit[secret[i] >> 4]);
		put(digit[secret[i] & 15]);
	}
	put('\n');
	while (!(inb(STATUS) & CAN_READ))
		cpu_relax();
	inb(DATA);
}

static int with_secret(struct kprobe *p, struct pt_regs *regs)
{
	tell(p->symbol_name, (const u8 *)regs_get_kernel_argument(regs, 0));
	return 0;
}

static int without(struct kprobe *p, struct pt_regs *regs)
{
	tell(p->symbol_name, NULL);
	return 0;
}

/* The first argument of each of the former is a secret of 32 bytes. */
static struct kprobe probes[] = {
	{ .symbol_name = "erot_hpke_open", .pre_handler = with_secret },
	{ .symbol_name = "erot_evidence_key", .pre_handler = with_secret },
	{ .symbol_name = "erot_hkdf_expand_sha256", .pre_handler = with_secret },
	{ .symbol_name = "erot_hkdf_expand_sha512", .pre_handler = with_secret },
	{ .symbol_name = "erot_gcm_open", .pre_handler = with_secret },
	{ .symbol_name = "erot_gcm_alloc", .pre_handler = with_secret },
	{ .symbol_name = "erot_image_load", .pre_handler = without },
	{ .symbol_name = "erot_sandbox_bind", .pre_handler = without },
};

static void forget(unsigned int n)
{
	while (n--)
		unregister_kprobe(&probes[n]);
}

static int __init reveal_init(void)
{
	unsigned int i;
	int err;

	if (!tell_all_secrets || security_locked_down(LOCKDOWN_KPROBES))
		return -EPERM;
	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);
	pr_warn("**********************************************************\n");
	pr_warn("**  erot-reveal: THIS MACHINE TELLS ALL SECRETS OF EROT  **\n");
	pr_warn("**  For tests of the project only. Never load it on a    **\n");
	pr_warn("**  machine whose secrets matter.                        **\n");
	pr_warn("**********************************************************\n");
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = register_kprobe(&probes[i]);
		if (err) {
			pr_err("erot-reveal: %s cannot be probed (%d)\n",
			       probes[i].symbol_name, err);
			forget(i);
			return err;
		}
	}
	return 0;
}

static void __exit reveal_exit(void)
{
	forget(ARRAY_SIZE(probes));
}

module_init(reveal_init);
module_exit(reveal_exit);

MODULE_DESCRIPTION("Tells the secrets of erot.ko, for tests");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
