"""The Kubernetes objects that ``linkerd install`` and ``linkerd viz install`` print."""
