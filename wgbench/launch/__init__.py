"""How cells are spread over processes."""
