"""Private pages of a TD: the mirror page table, the Secure EPT, the TD epoch, and what TLBs hold.

A page stands for one gfn with one 4 KiB entry, and for the folio of guest_memfd that it maps; each
has a file of its own. A vcpu stays associated with its cpu. Several vcpus may share one.
"""
