"""The X-ray of one debit: every crossing of a trace opened down to its fields, and who saw what.

`decoder` turns crossings into the `step`s that console and terminal show; there is one decoder a
protocol (`apdu`, `messages`, `http`, `files`, `typed`), and what values mean comes from tables
(`tables`, data/xray). `needles` finds a thing in bytes however it is written: `masking` hides card
numbers with it, and `saw` tells each party's list. `render` is the X-ray for a terminal.
"""
