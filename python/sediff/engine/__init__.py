"""Runs steps: what is done, what must run again, stamps, logs, workers. It knows no astronomy."""
