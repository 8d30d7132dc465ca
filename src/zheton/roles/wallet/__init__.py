"""The wallet: users, their devices and cards, packages for the chips, and what was paid.

It never learns a card number or a key of a number: cards come in envelopes for the token service,
numbers go out in packages for the chip. `users`, `devices`, `cards`, `feed`, `transact` and
`history` are its verbs; `desk` is what they need of the world.
"""
