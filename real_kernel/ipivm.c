/*
 * Runs one VM of two vcpus that start and wake each other.
 *
 * ipivm STARTS ROUNDS: vcpu 0 starts vcpu 1 by INIT and SIPI, STARTS times. After each start the two
 * send each other ROUNDS IPIs by turns; who waits for one is in HLT. Prints a line "VCPU process tid
 * vcpu cookie" for each vcpu thread, and stops the recording when the guest is done, so that the end
 * of the threads is not in it. It gives up after 60 seconds, with exit code 1.
 *
 * The guest does not count on the interrupt shadow of STI: QEMU's VMRUN does not load it from the VMCB
 * (control.int_state in helper_vmrun(), to which its #VMEXIT writes it). After an exit between STI and HLT
 * the interrupt that HLT waits for is taken before HLT, which then waits for ever. So the handler
 * steps over the HLT that it finds at its return address.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UP = 0x500, STARTS = 0x502, ROUNDS = 0x504, BSP = 0x1000, AP = 0x2000, SIZE = 0x4000, VECTORS = 2 };

/* In real mode; the LAPIC is used as x2APIC, by MSRs. Each half is copied to a page of its own. */
asm(".pushsection .rodata\n"
    ".code16\n"
    ".macro write msr, low, high\n"
    "	movl $\\msr, %ecx; movl $\\low, %eax; movl $\\high, %edx; wrmsr\n"
    ".endm\n"
    ".macro begin stack\n"
    "	xorw %ax, %ax; movw %ax, %ds; movw %ax, %ss; movw $\\stack, %sp\n"
    "	movl $0x1b, %ecx; rdmsr; orl $0xc00, %eax; wrmsr\n" /* x2APIC on */
    "	write 0x80f, 0x1ff, 0\n"                            /* SVR: LAPIC on */
    ".endm\n"
    "bsp:\n"
    "	begin 0x3000\n"
    "1:	movw $0, 0x500\n"
    "	write 0x830, 0x4500, 1\n" /* ICR: INIT */
    "	write 0x830, 0x4602, 1\n" /* SIPI, to 0x2000 */
    "2:	pause; cmpw $1, 0x500; jne 2b\n"
    "	movw 0x504, %bx\n"
    "3:	write 0x830, 0x4040, 1\n"
    "	sti\n"
    "bsp_hlt:\n"
    "	hlt; cli\n"
    "	decw %bx; jnz 3b\n"
    "	decw 0x502; jnz 1b\n"
    "	outb %al, $0x10\n"
    "4:	hlt; jmp 4b\n"
    "handler:\n"
    "	pushw %bp; movw %sp, %bp\n"
    "	cmpw $(bsp_hlt - bsp), 2(%bp); je 6f\n" /* nobody takes an interrupt at the other's address */
    "	cmpw $(ap_hlt - ap), 2(%bp); jne 7f\n"
    "6:	incw 2(%bp)\n"
    "7:	popw %bp\n"
    "	pushl %eax; pushl %ecx; pushl %edx\n"
    "	write 0x80b, 0, 0\n" /* EOI */
    "	popl %edx; popl %ecx; popl %eax; iret\n"
    "ap:\n"
    "	begin 0x3800\n"
    "	movw $1, 0x500\n"
    "5:	sti\n"
    "ap_hlt:\n"
    "	hlt; cli\n"
    "	write 0x830, 0x4041, 0\n"
    "	jmp 5b\n"
    "done:\n"
    ".code64\n"
    ".popsection\n");
extern const unsigned char bsp[], handler[], ap[], done[];

static int kvm, vm;
static pthread_barrier_t both; /* vcpus exist: what is sent to one that does not is lost */

static void fail(const char *what)
{
	fprintf(stderr, "ipivm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stop_recording(void)
{
	int file = open("/sys/kernel/tracing/tracing_on", O_WRONLY);

	if (file < 0 || write(file, "0", 1) != 1)
		fail("tracing_on");
	close(file);
}

/* The guest has not finished: what was recorded until now says why. */
static void give_up(int signal)
{
	stop_recording();
	_exit(1);
}

static void give_cpuid(int vcpu)
{
	static _Alignas(struct kvm_cpuid2) char room[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	struct kvm_cpuid2 *cpuid = (void *)room;

	cpuid->nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) || ioctl(vcpu, KVM_SET_CPUID2, cpuid))
		fail("KVM_SET_CPUID2");
}

static void run(int vcpu, struct kvm_run *shared)
{
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) {
			if (errno != EINTR && errno != EAGAIN)
				fail("KVM_RUN");
			continue;
		}
		if (shared->exit_reason == KVM_EXIT_IO)
			return;
		fprintf(stderr, "ipivm: exit %u\n", shared->exit_reason);
		exit(1);
	}
}

static void *one_vcpu(void *number)
{
	int id = (int)(long)number, size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);
	struct kvm_regs regs = { .rip = 0, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *shared;

	if (vcpu < 0)
		fail("KVM_CREATE_VCPU");
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	give_cpuid(vcpu);
	ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = BSP;
	sregs.cs.selector = BSP >> 4;
	if (id == 0 && (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs)))
		fail("KVM_SET_REGS");
	printf("VCPU %d %ld %d 0\n", getpid(), syscall(SYS_gettid), id);
	fflush(stdout);
	pthread_barrier_wait(&both);
	run(vcpu, shared);
	stop_recording();
	_exit(0);
}

static void fill(unsigned char *memory, int starts, int rounds)
{
	unsigned short at = handler - bsp, segment = BSP >> 4;

	memcpy(memory + BSP, bsp, ap - bsp);
	memcpy(memory + AP, ap, done - ap);
	for (int vector = 0x40; vector < 0x40 + VECTORS; vector++) {
		memcpy(memory + 4 * vector, &at, 2);
		memcpy(memory + 4 * vector + 2, &segment, 2);
	}
	memcpy(memory + STARTS, &(unsigned short){ starts }, 2);
	memcpy(memory + ROUNDS, &(unsigned short){ rounds }, 2);
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region region = { .memory_size = SIZE };
	pthread_t threads[2];
	void *memory;

	if (argc != 3 || atoi(argv[1]) < 1 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: ipivm STARTS ROUNDS\n");
		return 2;
	}
	kvm = open("/dev/kvm", O_RDWR);
	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		fail("/dev/kvm");
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill(memory, atoi(argv[1]), atoi(argv[2]));
	region.userspace_addr = (unsigned long)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM_SET_USER_MEMORY_REGION");
	pthread_barrier_init(&both, NULL, 2);
	signal(SIGALRM, give_up);
	alarm(60);
	for (long id = 0; id < 2; id++)
		if (pthread_create(&threads[id], NULL, one_vcpu, (void *)id))
			fail("pthread_create");
	for (int id = 0; id < 2; id++)
		pthread_join(threads[id], NULL);
	return 0;
}
