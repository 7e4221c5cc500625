"""The words in which the prover and the server it started speak: variables, headers, one path."""

TARGET = "INSTEP_PROVE_TARGET"
"""Environment: the program as `MODULE:APP`."""

TOKEN = "INSTEP_PROVE_TOKEN"
"""Environment: a random word that shows that it is *this* server that answers at the port."""

PARENT = "INSTEP_PROVE_PARENT"
"""Environment: the prover's process id."""

FRESH = "INSTEP_FRESH"
"""Environment: a new, empty folder below which the program's embedded stores are to live."""

AMPLIFY = "INSTEP_PROVE_AMPLIFY"
"""Environment: the seed, if the program is to be amplified."""

READY = "/__instep_ready__"
"""The path that the wrapper answers itself, so that asking it advances no counter.

The body is a JSON object: `leftovers` of a fork, or None if nobody looked in time, and what was
`amplified`, or None."""

PID_HEADER = "X-Instep-Pid"
THREAD_HEADER = "X-Instep-Thread"
TOKEN_HEADER = "X-Instep-Token"
