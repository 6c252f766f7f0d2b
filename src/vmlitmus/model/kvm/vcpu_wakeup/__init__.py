"""KVM and the scheduler, as far as they bring to a vcpu what was sent to it."""
