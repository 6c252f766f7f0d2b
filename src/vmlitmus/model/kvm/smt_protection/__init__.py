"""SMT Protection: the vcpu run loop, and what may keep a sibling idle while it runs."""
