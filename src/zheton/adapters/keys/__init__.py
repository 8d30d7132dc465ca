"""The vault's keys: a ring of wrapped keys, and two custodies for the key that unwraps them.

`ring` is the list of keys as a file keeps it, `store` writes that file, `custody` says what a
custody of the key-encryption key must do, `file` is the one by passphrase, `pkcs11` the one in a
token. `vault_keys` is the port's adapter over any of them, `opened` what it has unwrapped,
`renewal` makes keys and new versions of them, `envelope` closes and opens card envelopes.
"""
