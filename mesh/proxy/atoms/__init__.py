"""The atoms of the proxy: one rule each, as plain objects with `now` and an injected source of chance.

No atom knows requests, layers, drivers or other atoms' owners; each can be tested by a table.
"""
