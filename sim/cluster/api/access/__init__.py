"""Who may do what: roles, bindings, and the reviews that answer such questions."""
