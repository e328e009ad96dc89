"""Injected sources (fakes) in a parallel difference, and the efficiency that they measure."""
