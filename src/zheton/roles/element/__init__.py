"""The secure element: ISO 7816-4 commands in, responses out, on an NFC and a host interface.

`element` routes commands and takes the wearer's events; `transport` does what a reader's protocol
wants (T=0, T=1). Behind them: `directory` answers SELECT, `payment` and `generate_ac` do a debit,
`domain` opens the secure channel and `load` applies what comes through it. `chip` holds the state
(`state`, frozen), which `image` turns into the bytes that the memory port keeps.
"""
