/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Ephemeral Roots of Trust: what is signed, sealed or stored.
 *
 * Every structure is of fixed layout, little-endian, without padding; reserved
 * fields are zero and readers refuse anything else. Each begins with
 * struct erot_head, whose purpose keeps one content from passing for another.
 * Variable parts follow their structure without gaps, in the order of their
 * length fields, and a reader demands that head.length is used up exactly.
 *
 * This is the normative description; Documentation/formats.rst says what a header cannot.
 */
#ifndef _UAPI_LINUX_EROT_FORMAT_H
#define _UAPI_LINUX_EROT_FORMAT_H

#include <linux/types.h>
#include <linux/erot.h>	/* enum erot_end, EROT_CMS_MAX */

/* Sizes in bytes. */
#define EROT_DIGEST_SIZE	32	/* SHA-256 */
#define EROT_KEY_SIZE		32	/* X25519 keys, AES-256 keys, MAC keys */
#define EROT_TAG_SIZE		16	/* AES-GCM */
#define EROT_NONCE_SIZE		12	/* AES-GCM */
#define EROT_ID_SIZE		16
#define EROT_SALT_SIZE		24	/* Cobblestone salt */
#define EROT_CHUNK_SIZE		16384	/* plaintext of a full chunk; fs-verity block */
#define EROT_CHUNK_STRIDE	(EROT_CHUNK_SIZE + EROT_TAG_SIZE)
#define EROT_WRAPPED_SIZE	(EROT_KEY_SIZE + EROT_TAG_SIZE)
#define EROT_VERITY_DESC_SIZE	256	/* struct fsverity_descriptor */
#define EROT_LOG_SALT_SIZE	32

/* Limits on what is accepted. */
#define EROT_MANIFEST_MAX	32768
#define EROT_HWKEY_MAX		1024	/* SubjectPublicKeyInfo, DER */
#define EROT_TENANT_MAX		128
#define EROT_IMAGE_MAX		(1ULL << 40)
#define EROT_IMAGE_ALIGN	4096
#define EROT_RUNTIME_MAX	(366U * 24 * 60 * 60)	/* seconds; of a receipt or release */

/*
 * The table of labels. Each names one use of one primitive; none is a prefix
 * of another. They are hashed without the terminating zero.
 */
#define EROT_LABEL_ENROL	"erot/enrol/v1"		/* software key, proof of possession */
#define EROT_LABEL_DERIVE	"erot/derive/v1"	/* derivation context */
#define EROT_LABEL_IKM		"erot/ikm/v1"		/* HMAC in the HSM */
#define EROT_LABEL_TENANT	"erot/tenant/v1"	/* tenant digest */
#define EROT_LABEL_EWC		"erot/ewc/v1"		/* HPKE info, content key */
#define EROT_LABEL_RELEASE	"erot/release/v1"	/* HPKE info, release */
#define EROT_LABEL_PAYLOAD	"erot/payload/v1"	/* Cobblestone context */
#define EROT_LABEL_EVIDENCE	"erot/evidence/v1"	/* HKDF-Expand, evidence key */
#define EROT_LABEL_BOOT		"erot/boot/v1"		/* PCR extend */
#define EROT_LABEL_QUOTE	"erot/quote/v1"		/* TPM qualifying data */
#define EROT_LABEL_END		"erot/end/v1"		/* qualifying data, evidence */
#define EROT_LABEL_LOG		"erot/log/v1"		/* commitment in the log */

#define EROT_MAGIC		"EROTv1\r\n"
#define EROT_MAGIC_SIZE		8

/* erot_head.purpose */
enum erot_purpose {
	EROT_PURPOSE_STATEMENT	= 1,	/* key statement, answers "derive" */
	EROT_PURPOSE_RECEIPT	= 2,	/* authorises one launch */
	EROT_PURPOSE_ORDER	= 3,	/* the customer's consent */
	EROT_PURPOSE_EWC	= 4,	/* envelope */
	EROT_PURPOSE_RELEASE	= 5,	/* sealed private key */
	EROT_PURPOSE_EVIDENCE	= 6,	/* MACed by the module */
	EROT_PURPOSE_DESTRUCTION = 7,	/* destruction record */
	EROT_PURPOSE_LOG_ENTRY	= 8,	/* leaf of the transparency log */
};

/**
 * struct erot_head - the first 16 bytes of everything
 * @magic:   EROT_MAGIC
 * @version: of the structure; 1
 * @purpose: enum erot_purpose
 * @length:  bytes, this head included
 */
struct erot_head {
	__u8	magic[EROT_MAGIC_SIZE];
	__le16	version;
	__le16	purpose;
	__le32	length;
} __attribute__((packed));

#define EROT_VERSION		1

/* Isolation: required by a receipt, observed at BIND. */
#define EROT_ISO_USER_NS	(1U << 0)	/* child of the initial user namespace */
#define EROT_ISO_PID_NS		(1U << 1)	/* fresh; BIND by its only task */
#define EROT_ISO_MNT_NS		(1U << 2)	/* not the initial one */
#define EROT_ISO_NET_NS		(1U << 3)
#define EROT_ISO_IPC_NS		(1U << 4)
#define EROT_ISO_UTS_NS		(1U << 5)
#define EROT_ISO_CGROUP_NS	(1U << 6)
#define EROT_ISO_MEMORY_MAX	(1U << 7)	/* memory.max at most the receipt's */
#define EROT_ISO_SWAP_ZERO	(1U << 8)	/* memory.swap.max 0 */
#define EROT_ISO_NO_NEW_PRIVS	(1U << 9)	/* exec gate */
#define EROT_ISO_SECCOMP	(1U << 10)	/* exec gate */
#define EROT_ISO_ALL		((1U << 11) - 1)

/* Host state: required by a receipt, observed at NEW, repeated in evidence. */
#define EROT_HOST_ATTESTED	(1U << 0)	/* attested mode */
#define EROT_HOST_LOCKDOWN	(1U << 1)	/* lockdown: confidentiality */
#define EROT_HOST_INIT_ON_FREE	(1U << 2)
#define EROT_HOST_NO_SWAP	(1U << 3)	/* no swap area in use */
#define EROT_HOST_NO_CRASH_KERNEL (1U << 4)
#define EROT_HOST_BOOT_KEY_IN_PCR (1U << 5)
#define EROT_HOST_ALL		((1U << 6) - 1)

/**
 * struct erot_grant - what key statement and receipt have in common
 * @head:      purpose STATEMENT or RECEIPT
 * @id:        random
 * @tenant:    SHA-256(lp(EROT_LABEL_TENANT) lp(tenant))
 * @epoch:     of the derivation root
 * @reserved:  0
 * @nonce:     made by the DERG, enters the derivation
 * @erot_pk:   X25519 public key of the ERoT
 * @policy:    digest of the PCR policy; zero where there is none
 * @enrolment: digest of the machine's enrolment record; zero where there is none
 * @code_hash: fs-verity digest of the image, the same as in the manifest
 *             (stands here because the kernel does not parse JSON)
 * @hwkey_len: bytes of the hardware key (SPKI, DER)
 * @manifest_len: bytes of the manifest
 */
struct erot_grant {
	struct erot_head head;
	__u8	id[EROT_ID_SIZE];
	__u8	tenant[EROT_DIGEST_SIZE];
	__le32	epoch;
	__le32	reserved;
	__u8	nonce[32];
	__u8	erot_pk[EROT_KEY_SIZE];
	__u8	policy[EROT_DIGEST_SIZE];
	__u8	enrolment[EROT_DIGEST_SIZE];
	__u8	code_hash[EROT_DIGEST_SIZE];
	__le32	hwkey_len;
	__le32	manifest_len;
} __attribute__((packed));

/**
 * struct erot_statement - key statement; hardware key and manifest follow
 * @grant: purpose STATEMENT
 */
struct erot_statement {
	struct erot_grant grant;
} __attribute__((packed));

/**
 * struct erot_receipt - receipt; hardware key and manifest follow
 * @grant:      purpose RECEIPT; all but @grant.head as in the key statement
 * @statement:  SHA-256 of the key statement's content
 * @ewc:        EWC digest: SHA-256 of the envelope
 * @order:      SHA-256 of the order's content
 * @not_before: seconds since 1970
 * @not_after:  seconds since 1970, later than @not_before
 * @memory_max: bytes; the sandbox's memory.max may not be above it
 * @max_runtime: seconds from exec, 1 to EROT_RUNTIME_MAX
 * @pids_max:   tasks; erotd's business, the module does not see it
 * @isolation:  EROT_ISO_* that must be observed
 * @host:       EROT_HOST_* that must be observed
 */
struct erot_receipt {
	struct erot_grant grant;
	__u8	statement[EROT_DIGEST_SIZE];
	__u8	ewc[EROT_DIGEST_SIZE];
	__u8	order[EROT_DIGEST_SIZE];
	__le64	not_before;
	__le64	not_after;
	__le64	memory_max;
	__le32	max_runtime;
	__le32	pids_max;
	__le32	isolation;
	__le32	host;
} __attribute__((packed));

/**
 * struct erot_order - the customer consents to one launch of one container
 * @head:      purpose ORDER
 * @statement: SHA-256 of the key statement's content
 * @ewc:       EWC digest
 * @customer:  SHA-256 of the customer's SubjectPublicKeyInfo, DER
 */
struct erot_order {
	struct erot_head head;
	__u8	statement[EROT_DIGEST_SIZE];
	__u8	ewc[EROT_DIGEST_SIZE];
	__u8	customer[EROT_DIGEST_SIZE];
} __attribute__((packed));

/**
 * struct erot_ewc_header - begins an envelope
 * @head:         purpose EWC; head.length covers the whole envelope
 * @manifest_len: bytes
 * @reserved:     0
 * @image_len:    bytes of the EROFS image, multiple of EROT_IMAGE_ALIGN
 * @tree_len:     bytes of the fs-verity tree, multiple of EROT_CHUNK_SIZE
 * @chunk_count:  chunks of the payload, the last one is the descriptor
 * @payload_off:  where the payload begins: 0 in a file of its own, else
 *                behind the envelope, multiple of EROT_IMAGE_ALIGN
 * @payload_len:  bytes of the payload; its file ends there
 *
 * envelope = header, manifest, struct erot_ewc_seal.
 * Plaintext of the payload: image, zeros up to a whole chunk, tree in the
 * order of fs-verity (root first), struct fsverity_descriptor.
 */
struct erot_ewc_header {
	struct erot_head head;
	__le32	manifest_len;
	__le32	reserved;
	__le64	image_len;
	__le64	tree_len;
	__le64	chunk_count;
	__le64	payload_off;
	__le64	payload_len;
} __attribute__((packed));

/**
 * struct erot_ewc_seal - ends an envelope
 * @enc:        HPKE encapsulated key
 * @wrapped:    content key sealed to the ERoT public key,
 *              info = EROT_LABEL_EWC || key statement digest,
 *              aad = header || manifest
 * @salt:       of the Cobblestone message
 * @commitment: of the Cobblestone message
 */
struct erot_ewc_seal {
	__u8	enc[EROT_KEY_SIZE];
	__u8	wrapped[EROT_WRAPPED_SIZE];
	__u8	salt[EROT_SALT_SIZE];
	__u8	commitment[EROT_DIGEST_SIZE];
} __attribute__((packed));

#define EROT_ENVELOPE_MAX	(sizeof(struct erot_ewc_header) + EROT_MANIFEST_MAX + \
				 sizeof(struct erot_ewc_seal))

/**
 * struct erot_release_secret - what a release carries
 * @head:          purpose RELEASE
 * @sk:            ERoT private key
 * @derg_time:     seconds since 1970 when the DERG sealed it
 * @valid_seconds: how long after NEW it may be provisioned
 * @max_runtime:   seconds; the lesser of this and the receipt's holds
 */
struct erot_release_secret {
	struct erot_head head;
	__u8	sk[EROT_KEY_SIZE];
	__le64	derg_time;
	__le32	valid_seconds;
	__le32	max_runtime;
} __attribute__((packed));

/**
 * struct erot_release_boot - sealed to the boot key
 * @enc:  HPKE encapsulated key; info = EROT_LABEL_RELEASE || receipt digest ||
 *        session public key, aad = "boot"
 * @text: struct erot_release_secret and tag
 */
struct erot_release_boot {
	__u8	enc[EROT_KEY_SIZE];
	__u8	text[sizeof(struct erot_release_secret) + EROT_TAG_SIZE];
} __attribute__((packed));

/**
 * struct erot_release - sealed to the session key
 * @enc:  HPKE encapsulated key; info as above, aad = "session"
 * @text: struct erot_release_boot and tag
 */
struct erot_release {
	__u8	enc[EROT_KEY_SIZE];
	__u8	text[sizeof(struct erot_release_boot) + EROT_TAG_SIZE];
} __attribute__((packed));

#define EROT_AAD_BOOT		"boot"
#define EROT_AAD_SESSION	"session"

/* erot_evidence.flags */
#define EROT_EV_RELEASED	(1U << 0)	/* payload unmounted, its page cache evicted */
#define EROT_EV_PINNED		(1U << 1)	/* held from outside, or by a CPU */
#define EROT_EV_RAN		(1U << 2)	/* passed the exec gate */
#define EROT_EV_DAMAGED		(1U << 3)	/* at least one chunk was refused */

/**
 * struct erot_evidence - made when keys and plaintext are gone
 * @head:        purpose EVIDENCE
 * @receipt:     SHA-256 of the receipt's content
 * @session:     id of the session
 * @started_ns:  boot clock at PROVISION
 * @ended_ns:    boot clock when the keys were gone
 * @released_ns: boot clock when the plaintext was gone
 * @exit_status: as wait() reports it
 * @reason:      enum erot_end
 * @host:        EROT_HOST_* observed
 * @isolation:   EROT_ISO_* observed
 * @flags:       EROT_EV_*
 * @reserved:    0
 * @mac:         HMAC-SHA-256 over all before it, key HKDF-Expand(sk,
 *               EROT_LABEL_EVIDENCE, 32)
 */
struct erot_evidence {
	struct erot_head head;
	__u8	receipt[EROT_DIGEST_SIZE];
	__u8	session[EROT_ID_SIZE];
	__le64	started_ns;
	__le64	ended_ns;
	__le64	released_ns;
	__le32	exit_status;
	__le32	reason;
	__le32	host;
	__le32	isolation;
	__le32	flags;
	__le32	reserved;
	__u8	mac[EROT_DIGEST_SIZE];
} __attribute__((packed));

/**
 * struct erot_destruction - the DERG's record of an end; the quote follows
 * @head:      purpose DESTRUCTION
 * @time:      seconds since 1970
 * @evidence:  whole, as checked
 * @quote_len: bytes of TPM quote behind it; 0 where there is none
 * @reserved:  0
 */
struct erot_destruction {
	struct erot_head head;
	__le64	time;
	struct erot_evidence evidence;
	__le32	quote_len;
	__le32	reserved;
} __attribute__((packed));

/* erot_log_entry.kind; the content that the commitment covers is said behind each */
enum erot_log_kind {
	EROT_LOG_ENROLMENT	= 1,	/* JSON */
	EROT_LOG_STATEMENT	= 2,	/* struct erot_statement and what follows it */
	EROT_LOG_ORDER		= 3,	/* struct erot_order */
	EROT_LOG_RECEIPT	= 4,	/* struct erot_receipt and what follows it */
	EROT_LOG_RELEASE	= 5,	/* JSON */
	EROT_LOG_REFUSAL	= 6,	/* JSON */
	EROT_LOG_TERMINATION	= 7,	/* JSON */
	EROT_LOG_DESTRUCTION	= 8,	/* struct erot_destruction and what follows it */
	EROT_LOG_UNACCOUNTED	= 9,	/* JSON: no evidence by the deadline */
	EROT_LOG_ACCOUNTED	= 10,	/* JSON: closed by a later quote */
	EROT_LOG_MACHINE_REVOKED = 11,	/* JSON */
	EROT_LOG_RECEIPT_REVOKED = 12,	/* JSON */
	EROT_LOG_EPOCH		= 13,	/* JSON: new, draining, destroyed */
	EROT_LOG_POLICY		= 14,	/* JSON */
	EROT_LOG_CLIENT		= 15,	/* JSON: added, removed */
};

/**
 * struct erot_log_entry - a leaf of the transparency log
 * @head:       purpose LOG_ENTRY
 * @kind:       enum erot_log_kind
 * @reserved:   0
 * @time:       seconds since 1970
 * @stream:     pseudonym of the tenant, random; zero: the provider's own entries
 * @number:     running number in the stream, from 0
 * @previous:   RFC 6962 leaf hash of the stream's entry before; zero for the first
 * @commitment: SHA-256(lp(EROT_LABEL_LOG) lp(salt) lp(content)), salt of EROT_LOG_SALT_SIZE
 */
struct erot_log_entry {
	struct erot_head head;
	__le32	kind;
	__le32	reserved;
	__le64	time;
	__u8	stream[EROT_DIGEST_SIZE];
	__le64	number;
	__u8	previous[EROT_DIGEST_SIZE];
	__u8	commitment[EROT_DIGEST_SIZE];
} __attribute__((packed));

#endif /* _UAPI_LINUX_EROT_FORMAT_H */
