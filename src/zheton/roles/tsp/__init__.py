"""The token service provider: the card vault, its one-time numbers and the keys behind them.

`tokenise` and `activate` enrol a card, `provision` fills a device, `transact` makes an online
number; `examine` and `reveal` serve the network at a debit. `service` puts the verbs together.
"""
