"""Figures from stored curves: each function takes entries as `wgbench.results.stored` reads them, and nothing else."""
