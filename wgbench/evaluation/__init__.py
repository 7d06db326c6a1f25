"""From predictions to integer counts per group, and from counts to scores."""
