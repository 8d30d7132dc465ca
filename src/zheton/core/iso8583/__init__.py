"""ISO 8583:1987 messages, and a dialect as data.

`field` defines one data element in the standard's own notation, `content` and `length` are the
ways its value and its length go onto the wire, `bitmap` says which elements are there. `spec`
puts 126 of them together and compiles them; `dialect` holds the tables: the standard's, the one
of docs/dialect.md, and a packed one. `message` turns bytes into a `Message` and back. On top,
`subelements` opens DE48 and `match` pairs answers and reversals with their requests.
"""
