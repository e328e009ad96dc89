"""Readers and writers of files, atomic and checked."""
