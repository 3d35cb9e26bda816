"""The checks of ``linkerd check``: data that says what is looked at, and functions that look."""
