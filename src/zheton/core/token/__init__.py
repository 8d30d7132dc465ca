"""The one-time number: its shape, its batches, what becomes of them, and where it may be used."""
