"""The ciphers, MACs and hashes that the standards ask for, over the `cryptography` library.

`des` and `aes` work on whole blocks, `mac` pads and authenticates, `ff1` permutes numbers, `kcv`
shows that two parties hold the same key, `digest` hashes, `scrypt` makes a key of a passphrase,
`ed25519` signs. Nothing outside imports a cipher library.
"""
