"""Finding races: does a program still answer right when many requests arrive at once?

`prove` starts a program under a real server, lets many clients go at the same moment and judges
the numbers they got. Nothing here imports a store, Flask or a server: those run in processes of
their own, started from here.
"""
