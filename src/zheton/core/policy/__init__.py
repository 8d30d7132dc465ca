"""Rollout policy: where, for whom and from when the product works, as rules that are data.

`rule` holds the words: a question, a rule, a decision. `document` reads rules out of a parsed
file and rejects every mistake that a machine can see. `compiled` turns the rules into a lookup
that answers a question by one dictionary access and one bisection. `difference` compares two
policies outcome by outcome.
"""
