"""Bluetooth, by `bumble`: the whole stack in Python, down to HCI; an extra (`make ble`).

`radio` opens a transport to a controller, real or virtual. `peripheral` is the band's side,
`central` the phone's; `pairing` guards how they come to trust each other and `bonds` keeps that.
`extra` imports nothing: it says whether the rest of the folder can be imported.
"""
