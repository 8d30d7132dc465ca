"""Messages that name an original: the only ones in which a burnt number comes back.

`read` takes a message apart, `scope` finds the debit that it names and says what is in its scope,
`take` decides it against the debit's own row, and `conclude` ends what an issuer was asked.
`undo` takes a follow-up back and `tell` makes what issuers hear of late. Nothing here burns.
"""
