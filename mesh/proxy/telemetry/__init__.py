"""Labels and text of the metrics that `mesh.proxy.metrics` keeps."""
