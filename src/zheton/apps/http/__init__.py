"""The HTTP doors: `tsp` for wallets, `wallet` for the phone's app and for the token service.

`door` is what they have in common. `problem` says no in RFC 9457's form, `guard` bounds and
authenticates what comes in, `fields` are the types of what both doors take and give, `events`
pushes to who listens. `acquirer` is for tills and shops; `serving` puts a door on a port.
"""
