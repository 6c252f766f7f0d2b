"""APICv and AVIC: posted interrupts, the vIRR, and when both are inhibited."""
