"""Pictures: the only place that knows Pillow."""
