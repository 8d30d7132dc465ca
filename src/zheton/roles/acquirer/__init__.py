"""The acquirer: the merchants' bank, with its tills, web shops and journal.

`sell` turns sales into 0100 messages and answers into outcomes; `reverse` takes back whatever did
not end in a trustworthy approval; `refund` gives money back after clearing; `clear` presents a
day's approved sales. `request` builds the messages and `reference` their numbers. Everything
works on groups, one transaction each, and is committed before a message may leave.
"""
