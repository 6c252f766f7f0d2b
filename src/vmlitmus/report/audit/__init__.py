"""Audits of hosts and of recorded runs, and validations: as text, JSON, HTML and for Perfetto."""
