"""What a dirty log is about: guest pages with their SPTEs, vcpus, and the threads of a VMM.

A page stands for one gfn in one memslot, with one 4 KiB SPTE in a direct MMU. Each vcpu has a cpu
of its own, and what that cpu's TLB lets it write.
"""
