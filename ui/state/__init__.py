"""What the page shows, computed from sandboxes; knows nothing of Streamlit."""
