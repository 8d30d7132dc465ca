"""Measuring: each bench does real work, times it, and then checks that the work was really done.

`report` is the form in which figures come out; `cards` opens accounts and fetches numbers, `chip`
makes the cryptogram data of a debit; `tap` measures a tap, `chain` whole debits, `tokens` the
numbers themselves, `reader` lends the tap a PC/SC service of its own.
"""
