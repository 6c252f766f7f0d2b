"""SNP AP Creation: the GHCB event, the vcpu run loop it acts on, and what guest_memfd adds."""
