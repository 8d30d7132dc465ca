"""The contactless kernel at the till: APDUs to a card, an outcome of EMV Contactless Book A back.

`entry_point` chooses an application and starts `kernel`, which walks through one file a step:
`dialogue` (one APDU), `application` (GPO, AFL, records), `restrictions`, `cvm`, `risk`,
`cryptogram`. `outcome` is what comes out, `state` what goes in, `completion` what the issuer's
answer makes of an online request.
"""
