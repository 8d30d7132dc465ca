"""The detokenisation log as pure values: each opening of a card is an entry that can't be undone.

`entry` is one opening and its hash, `chain` gives a group of them their places in the chain of
their bucket and of their card, `shelves` commits to the last entry of every card, `checkpoint`
signs all that, `inspect` finds what was changed afterwards, `proof` shows one cardholder the
entries of one card. docs/detokenisation-log.md tells how these hold together.
"""
