/* Stands in for the headers of tools/testing/selftests/kvm: just what a skeleton uses. */
#ifndef KVM_UTIL_H
#define KVM_UTIL_H

struct kvm_vm;
struct kvm_vcpu;

struct kvm_vm *vm_create_with_one_vcpu(struct kvm_vcpu **vcpu, void *guest_code);
void kvm_vm_free(struct kvm_vm *vm);

#endif
