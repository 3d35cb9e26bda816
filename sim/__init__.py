"""The simulated cluster and the experiments run on it."""
