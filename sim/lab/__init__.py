"""Experiments: running scenarios, their results, figures and analytic models."""
