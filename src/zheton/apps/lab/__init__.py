"""All seven roles in one process, meeting on the same wires as anywhere else.

`lab` starts and stops the parts, `phone` is the cardholder's side, `till` the merchant's, `day` the
evening's clearing; `journey` walks through all of it for `zheton demo`.
"""
