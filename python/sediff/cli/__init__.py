"""What a user runs: one module a command reads arguments, calls flow or workflow, prints."""
