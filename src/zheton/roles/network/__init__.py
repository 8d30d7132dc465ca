"""The switch: reads a debit, has its number burnt, asks the issuer, journals, answers.

`authorise` and `complete` are the two halves of a debit, each one transaction for a whole group;
`reverse` undoes, `clear` turns numbers into cards once more for the day's files. Nothing here
waits: what must be sent is returned, and the node in `apps` sends it.
"""
