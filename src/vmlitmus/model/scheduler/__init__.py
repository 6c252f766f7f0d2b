"""What the host kernel's scheduler, timers and workqueues do."""
