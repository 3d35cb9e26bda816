"""Verbs that make objects from words: create, run, expose."""
