"""SMT hints for guests: who sets them, what KVM checks, who is told what afterwards."""
