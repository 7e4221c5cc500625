"""Who is compared: every cache by its name."""

from benchmarks.caches import ours, peers, tasks
from benchmarks.caches.peers import Open, Where

PLAIN, BARE = "plain dict, one process", "redis-py GET + json"
EMBEDDED, ON_REDIS = "instep, embedded", "instep, Redis"
IN_FLASK = "instep, embedded, in Flask"
FLASK_REDIS, FLASK_FILES = "Flask-Caching, Redis", "Flask-Caching, files"
FLASK_SIMPLE = "Flask-Caching, SimpleCache, one process"
DOGPILE, DISK, CASHEWS = "dogpile.cache, Redis", "diskcache", "cashews, Redis"

EVERY: dict[str, Open] = {
    PLAIN: peers.plain,
    FLASK_SIMPLE: peers.flask_simple,
    EMBEDDED: ours.embedded,
    IN_FLASK: ours.in_flask,
    DISK: peers.disk,
    FLASK_FILES: peers.flask_files,
    BARE: peers.bare,
    ON_REDIS: ours.on_redis,
    DOGPILE: peers.dogpile,
    FLASK_REDIS: peers.flask_redis,
    CASHEWS: tasks.tasks,
}
OURS = (EMBEDDED, IN_FLASK, ON_REDIS)
_ON_REDIS = (BARE, ON_REDIS, DOGPILE, FLASK_REDIS, CASHEWS)


def possible(where: Where) -> dict[str, Open]:
    """Those that have what they need: all, or those that need no Redis."""
    return {name: open_ for name, open_ in EVERY.items() if where.redis or name not in _ON_REDIS}
