"""Secure Channel Protocol 03 (GlobalPlatform Card Specification, Amendment D) for both sides.

`keys` derives session keys, cryptograms and the card's challenge; `initialize` is the card's answer
to INITIALIZE UPDATE; `channel` holds what a session remembers and protects one message with it;
`host` opens and uses a session from outside, `card` from inside. S8 mode, AES keys of 128, 192
and 256 bits. Nothing here keeps a counter beyond a session: see `keys.pseudo_random_challenge`.
"""
