"""The command line: `main` finds the command, `complaint` words what went wrong, a file a command.

`policy` answers for rollout files, `bench` measures; `band` and `pos` are a card and a till on a
PC/SC reader; `up` and `demo` run the whole system.
"""
