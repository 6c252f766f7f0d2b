"""What tags the TLB entries of a guest: one class for each kind of virtual machine."""
