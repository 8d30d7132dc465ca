"""The cardholder's bank: accounts, a double-entry ledger, identity check, authorisation.

`handle` is the door for ISO 8583: a group of messages goes in, their answers come out, and one
transaction of the store serves them all. It hands each message to its verb: `authorise` (purchases
and refunds), `advise` (what the network has approved for the bank), `identify` (may this card be
tokenised, and is it really its holder) and `reverse`. Clearing comes later and in files: `post`
turns holds into debts to the network and `settle` pays them. `enrol` opens accounts. The verbs work
on a `book`, the part of the ledger that a group touches; `ledger` holds the rule that no entry
makes or loses money; `state` the records, `exchange` the rates, `request` what is read from a
message, and `ports` what is needed from outside.
"""
