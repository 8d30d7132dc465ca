"""What EMV cards, terminals and issuers say to each other, as pure codecs and computations.

`tags` names the data objects; `tlv` and `dol` code them; `apdu` and `status` carry them.
`keys` derives, `cryptogram` computes and checks, `iad` reads the issuer application data.
"""
