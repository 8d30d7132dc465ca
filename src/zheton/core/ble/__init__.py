"""The band's Bluetooth service as `docs/ble.md` specifies it, without any Bluetooth.

`service` names its parts and limits, `fragment` cuts messages to the link and joins them again,
`exchange` keeps order at the band's end, `report` is what the band tells of itself.
"""
