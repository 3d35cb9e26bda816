"""What the injector is made of: decision, configuration, pod templates, environment, uninjection."""
