"""Files of the packages that `wgbench new` writes."""
