"""Output: tables of text, ``-o`` formats, JSONPath and Go templates."""
