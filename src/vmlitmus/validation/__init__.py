"""Trace validation: is there a run of a model that explains what a kernel did?"""
