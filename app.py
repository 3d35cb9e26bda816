"""The web app: ``streamlit run app.py``, or ``meshdojo app``."""

from ui.page import draw

draw()
