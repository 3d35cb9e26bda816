"""Verbs that change: apply, create, delete, scale, set, rollout and the like."""
