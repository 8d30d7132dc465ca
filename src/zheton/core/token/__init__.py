"""The one-time number: its shape, its batches, what may become of them, and where it may be used."""
