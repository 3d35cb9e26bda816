"""Worlds and lessons: one folder each. Data only; no code is ever loaded from here."""
