"""KVM's dirty log: bitmap and rings, faults, PML, writes of KVM, and the VMM that migrates."""
