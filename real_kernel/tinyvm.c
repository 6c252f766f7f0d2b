/*
 * Runs one VM of some vcpus for a while: each vcpu loops over a port write in real mode.
 *
 * tinyvm VCPUS MILLISECONDS vm|vcpu|none: who gets a core scheduling cookie of its own.
 * Prints a line "VCPU process tid vcpu cookie" for each vcpu thread before it enters its guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif
enum { GET = 0, CREATE = 1, THREAD = 0, GROUP = 1 };

/* mov cx, 400; l: loop l; out 0x10, al; jmp 0 */
static const unsigned char guest[] = { 0xb9, 0x90, 0x01, 0xe2, 0xfe, 0xe6, 0x10, 0xeb, 0xf7 };

static int kvm, vm, per_vcpu;
static long long stop_at;
static void *memory;

static void fail(const char *what)
{
	fprintf(stderr, "tinyvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void run(int vcpu, struct kvm_run *shared)
{
	while (now() < stop_at) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
			fail("KVM_RUN");
		if (shared->exit_reason != KVM_EXIT_IO && shared->exit_reason != KVM_EXIT_INTR) {
			fprintf(stderr, "tinyvm: exit %u\n", shared->exit_reason);
			exit(1);
		}
	}
}

static void *one_vcpu(void *number)
{
	int id = (int)(long)number, size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0, .rflags = 2 };
	unsigned long cookie = 0;
	struct kvm_run *shared;

	if (vcpu < 0)
		fail("KVM_CREATE_VCPU");
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		fail("KVM_SET_REGS");
	if (per_vcpu && prctl(PR_SCHED_CORE, CREATE, 0, THREAD, 0))
		fail("PR_SCHED_CORE_CREATE");
	if (prctl(PR_SCHED_CORE, GET, 0, THREAD, &cookie))
		cookie = ~0UL;
	printf("VCPU %d %ld %d %#lx\n", getpid(), syscall(SYS_gettid), id, cookie);
	fflush(stdout);
	run(vcpu, shared);
	return NULL;
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region region = { .memory_size = 0x1000 };
	pthread_t threads[16];
	int n = argc > 1 ? atoi(argv[1]) : 0;

	if (argc != 4 || n < 1 || n > 16) {
		fprintf(stderr, "usage: tinyvm VCPUS MILLISECONDS vm|vcpu|none\n");
		return 2;
	}
	kvm = open("/dev/kvm", O_RDWR);
	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		fail("/dev/kvm");
	memory = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(memory, guest, sizeof(guest));
	region.userspace_addr = (unsigned long)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM_SET_USER_MEMORY_REGION");
	per_vcpu = !strcmp(argv[3], "vcpu");
	if (!strcmp(argv[3], "vm") && prctl(PR_SCHED_CORE, CREATE, 0, GROUP, 0))
		fail("PR_SCHED_CORE_CREATE");
	stop_at = now() + atoi(argv[2]);
	for (long id = 0; id < n; id++)
		if (pthread_create(&threads[id], NULL, one_vcpu, (void *)id))
			fail("pthread_create");
	for (int id = 0; id < n; id++)
		pthread_join(threads[id], NULL);
	return 0;
}
