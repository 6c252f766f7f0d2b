"""The host scheduler: picking, core scheduling, the idle loop, softirqs."""
