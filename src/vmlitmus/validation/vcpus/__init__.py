"""A vcpu of a recorded run, followed through a model of KVM."""
