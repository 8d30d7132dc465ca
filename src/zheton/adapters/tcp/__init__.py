"""ISO 8583 over TCP: two bytes of length, then the message (docs/dialect.md).

`framing` cuts the stream, `channel` is one connection with its bounds, `management` the 0800
messages that both ends answer by themselves. `server` answers requests, `link` asks them.
"""
