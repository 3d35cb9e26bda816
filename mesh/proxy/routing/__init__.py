"""Routes: which rule of a policy a request belongs to, and what its filters do to it."""
