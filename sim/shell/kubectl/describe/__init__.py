"""``kubectl describe``: one file for each family of kinds."""
