"""Verbs that look: get, events, logs, top, wait, explain."""
