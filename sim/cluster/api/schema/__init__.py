"""What kinds consist of: known fields, defaults, allocated values and rules."""
