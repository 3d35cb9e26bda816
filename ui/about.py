"""What the figures rest on: the preset's values with their sources."""

import streamlit as st

from ui.state.view import View
from ui.text import Text

__all__ = ["panel"]


def panel(text: Text, view: View) -> None:
    """The assumptions, behind a button."""
    preset = view.preset
    with st.popover(text("about.title"), icon=":material/info:", width="stretch"):
        st.write(text("about.text"))
        st.markdown(f"**{text('about.preset')}**: {preset.name}: {preset.label}")
        values = {
            "median": f"{preset.median * 1000:g} ms",
            "sigma": f"{preset.sigma:g}",
            "cpu": f"{preset.cpu * 1e6:g} µs",
            "hop": text("about.network") if preset.hop is None else f"{preset.hop * 1000:g} ms",
        }
        heads = " | ".join(text(f"about.{name}") for name in ("figure", "value", "source"))
        rows = [f"| {heads} |", "|:--|--:|:--|"]
        for name, value in values.items():
            rows.append(f"| {text(f'about.{name}')} | {value} | {preset.sources.get(name, '')} |")
        st.markdown("\n".join(rows))
        st.caption(view.caption)
