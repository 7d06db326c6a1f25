"""Pages to look at: a board's site, and the report of a set of runs."""
