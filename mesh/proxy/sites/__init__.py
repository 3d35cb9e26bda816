"""Sites: what the layers of a stack are made from; `mesh.proxy.stack` says in which order."""
