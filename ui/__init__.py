"""The web app: what the page shows (``state``), its words (``text``), and the page itself."""
