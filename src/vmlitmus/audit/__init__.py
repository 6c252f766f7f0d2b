"""Audit: facts of a host are lifted into scenarios of the models and judged by their conditions."""
