"""Secure EPT: how KVM maps and removes private pages of a TD, and what the TDX module checks."""
