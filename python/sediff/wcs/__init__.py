"""World coordinates of headers."""
