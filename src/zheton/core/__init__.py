"""Pure values and functions of the standards: no I/O, no clock, no randomness of their own."""
