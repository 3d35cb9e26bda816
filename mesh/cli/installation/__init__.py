"""``linkerd install``, ``viz install`` and ``uninstall``."""
