"""Commands of the sandbox's shell, other than kubectl. Loaded by :mod:`sim.shell.table` when first used."""
