"""The service mesh: control plane, proxies, metrics views and the ``linkerd`` command.

Nothing here knows a simulator, a clock, luck or a socket: time, chance and I/O are arguments.
"""
