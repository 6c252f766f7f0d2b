/* What the stub headers declare, so that a skeleton can be linked and run. */
#include <stddef.h>
#include "kvm_util.h"

struct kvm_vm *vm_create_with_one_vcpu(struct kvm_vcpu **vcpu, void *guest_code)
{
	(void)guest_code;
	*vcpu = NULL;
	return NULL;
}

void kvm_vm_free(struct kvm_vm *vm)
{
	(void)vm;
}
