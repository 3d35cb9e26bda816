"""Verbs about the connection: version, config, auth; and those that reach into pods."""
