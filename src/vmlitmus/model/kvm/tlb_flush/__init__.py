"""KVM's TLB flushes: requests and kicks, tags, zaps and faults, the paravirtual flush."""
