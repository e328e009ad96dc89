"""From the list of exposures to a plan: which templates, why, and what to run."""
