// SPDX-License-Identifier: GPL-2.0-only
/* The machine and its kernel: modules, power, time, names, what looks into other programs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/quota.h>
#include <linux/reboot.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "escape.h"

/* Who may load modules is told that this is none. */
static int after(long ret, int reached)
{
	return ret < 0 && errno == reached ? WORKS : result(ret);
}

static int load_module(void)
{
	static char image[64] = "not a module";

	return after(syscall(SYS_init_module, image, sizeof(image), ""), ENOEXEC);
}

static int load_module_file(void)
{
	int fd = open(args.self, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NO_SETUP : after(syscall(SYS_finit_module, fd, "", 0), ENOEXEC);
}

static int unload_module(void)
{
	return after(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK), ENOENT);
}

static int kexec(void)
{
	return result(syscall(SYS_kexec_load, 0, 0, NULL, 0));	/* unloads */
}

static int kexec_file(void)
{
	int fd = open(args.self, O_RDONLY | O_CLOEXEC);

	/* cloud kernels take no file that is not a kernel */
	return fd < 0 ? NO_SETUP :
	       after(syscall(SYS_kexec_file_load, fd, -1, 0, NULL, 4 /* NO_INITRAMFS */), ENOEXEC);
}

static int restart(void)
{
	return result(reboot(RB_DISABLE_CAD));
}

static int swap_on(void)
{
	return after(swapon("/no/such/file", 0), ENOENT);
}

static int swap_off(void)
{
	return after(swapoff("/no/such/file"), ENOENT);
}

static int accounting(void)
{
	return result(syscall(SYS_acct, NULL));
}

static int kernel_log(void)
{
	return result(syscall(SYS_syslog, 10 /* SIZE_BUFFER */, NULL, 0));
}

static int quota(void)
{
	return result(syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL));
}

static int io_level(void)
{
	return result(iopl(3));
}

static int io_port(void)
{
	return result(ioperm(0x80, 1, 1));
}

static int descriptor_table(void)
{
	char table[64];

	return result(syscall(SYS_modify_ldt, 0, table, sizeof(table)));
}

static int old_calls(void)
{
	static const long calls[] = { SYS_nfsservctl, SYS__sysctl, SYS_uselib, SYS_create_module,
				      SYS_ustat, SYS_sysfs };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (syscall(calls[i], 0, 0, 0, 0) >= 0 || errno != ENOSYS)
			return WORKS;
	return ENOSYS;
}

static int set_time(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return result(settimeofday(&now, NULL));
}

static int set_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return result(clock_settime(CLOCK_REALTIME, &now));
}

static int adjust_time(void)
{
	struct timex t = { .modes = ADJ_STATUS, .status = STA_UNSYNC };

	return result(syscall(SYS_adjtimex, &t));
}

static int adjust_clock(void)
{
	struct timex t = { .modes = ADJ_STATUS, .status = STA_UNSYNC };

	return result(clock_adjtime(CLOCK_REALTIME, &t));
}

static int wake_machine(void)
{
	return result(timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC));
}

static int host_name(void)
{
	return result(sethostname("escaped", 7));
}

static int domain_name(void)
{
	return result(setdomainname("escaped", 7));
}

static int hang_up(void)
{
	return result(vhangup());
}

static int load_bpf(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
			     .max_entries = 1 };

	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
}

static int watch_program(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK };

	return result(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}

static int ring(void)
{
	struct io_uring_params p = { 0 };

	return result(syscall(SYS_io_uring_setup, 1, &p));
}

static int fault_handler(void)
{
	return result(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

static int watch_files(void)
{
	return result(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY));
}

static int no_random_layout(void)
{
	return result(personality(ADDR_NO_RANDOMIZE));
}

static int executable_data(void)
{
	return result(personality(READ_IMPLIES_EXEC));
}

static int make_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int change_program(void)
{
	/* the same end as now: right, for who may */
	return after(prctl(PR_SET_MM, PR_SET_MM_BRK, 1, 0, 0), EINVAL);
}

static int any_tracer(void)
{
	return result(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0));
}

static int merge_pages(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* some kernels are built without */
	return p == MAP_FAILED ? NO_SETUP : after(madvise(p, 4096, MADV_MERGEABLE), EINVAL);
}

static int move_pages(void)
{
	return result(syscall(SYS_migrate_pages, 0, 0, NULL, NULL));
}

const struct attempt attempts_kernel[] = {
	{ "init_module", load_module, EPERM, EPERM, WORKS },
	{ "finit_module", load_module_file, EPERM, EPERM, WORKS },
	{ "delete_module", unload_module, EPERM, EPERM, WORKS },
	{ "kexec_load", kexec, EPERM, EPERM, WORKS },
	{ "kexec_file_load", kexec_file, EPERM, EPERM, WORKS },
	{ "reboot", restart, EPERM, EPERM, WORKS },
	{ "swapon", swap_on, EPERM, EPERM, WORKS },
	{ "swapoff", swap_off, EPERM, EPERM, WORKS },
	{ "acct", accounting, EPERM, EPERM, WORKS },
	{ "syslog", kernel_log, EPERM, EPERM, WORKS },
	{ "quotactl", quota, EPERM, EPERM, WORKS },
	{ "iopl", io_level, EPERM, EPERM, WORKS },
	{ "ioperm", io_port, EPERM, EPERM, WORKS },
	{ "modify_ldt", descriptor_table, ENOSYS, ENOSYS, WORKS },
	{ "calls that the kernel has given up", old_calls, ENOSYS, ENOSYS, NOT_TRIED },
	{ "settimeofday", set_time, EPERM, EPERM, WORKS },
	{ "clock_settime", set_clock, EPERM, EPERM, WORKS },
	{ "adjtimex", adjust_time, EPERM, EPERM, WORKS },
	{ "clock_adjtime", adjust_clock, EPERM, EPERM, WORKS },
	{ "a timer that wakes the machine", wake_machine, EPERM, EPERM, WORKS },
	{ "sethostname", host_name, EPERM, EPERM, WORKS },
	{ "setdomainname", domain_name, EPERM, EPERM, WORKS },
	{ "vhangup", hang_up, EPERM, EPERM, NOT_TRIED },
	{ "bpf", load_bpf, EPERM, EPERM, WORKS },
	{ "perf_event_open", watch_program, EPERM, EPERM, WORKS },
	{ "io_uring_setup", ring, EPERM, EPERM, WORKS },
	{ "userfaultfd", fault_handler, EPERM, EPERM, WORKS },
	{ "fanotify_init", watch_files, EPERM, EPERM, WORKS },
	{ "ADDR_NO_RANDOMIZE", no_random_layout, EPERM, EPERM, WORKS },
	{ "READ_IMPLIES_EXEC", executable_data, EPERM, EPERM, WORKS },
	{ "PR_SET_DUMPABLE", make_dumpable, EPERM, EPERM, WORKS },
	{ "PR_SET_MM", change_program, EPERM, EPERM, WORKS },
	{ "PR_SET_PTRACER", any_tracer, EPERM, EPERM, WORKS },
	{ "MADV_MERGEABLE", merge_pages, EPERM, EPERM, WORKS },
	{ "migrate_pages", move_pages, ENOSYS, ENOSYS, NOT_TRIED },
	{ 0 }
};
