"""Trackers: optional sinks of the record that every epoch leaves, beside the curves in the run folders."""
