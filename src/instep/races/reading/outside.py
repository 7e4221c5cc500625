"""What is known of the outside: containers, locks, frameworks, by their dotted names.

Tables only. A name that is not here is taken for something that neither shares nor mutates.
"""

from __future__ import annotations

from instep.races.reading.model import Kind

READ, WRITE, UPDATE, TEST, ITERATE = Kind.READ, Kind.WRITE, Kind.UPDATE, Kind.TEST, Kind.ITERATE

CONTAINERS = {
    "builtins.dict": "dict",
    "builtins.list": "list",
    "builtins.set": "set",
    "builtins.bytearray": "list",
    "collections.deque": "collections.deque",
    "collections.OrderedDict": "collections.OrderedDict",
    "collections.defaultdict": "collections.defaultdict",
    "collections.Counter": "collections.Counter",
    "collections.UserDict": "dict",
    "collections.UserList": "list",
    "weakref.WeakValueDictionary": "dict",
    "weakref.WeakKeyDictionary": "dict",
    "weakref.WeakSet": "set",
    "cachetools.TTLCache": "cachetools.TTLCache",
    "cachetools.LRUCache": "cachetools.LRUCache",
    "cachetools.LFUCache": "cachetools.LFUCache",
    "cachetools.Cache": "cachetools.Cache",
    "sortedcontainers.SortedDict": "dict",
    "sortedcontainers.SortedList": "list",
    "expiringdict.ExpiringDict": "dict",
    "werkzeug.datastructures.MultiDict": "dict",
    "types.SimpleNamespace": "types.SimpleNamespace",
    "munch.Munch": "dict",
    "pandas.DataFrame": "pandas.DataFrame",
    "numpy.zeros": "list",
    "numpy.array": "list",
    "array.array": "list",
    "ordered_set.OrderedSet": "set",
    "orderedset.OrderedSet": "set",
    "sortedcontainers.SortedSet": "set",
    "sortedcontainers.SortedKeyList": "list",
    "bidict.bidict": "dict",
}
MAPPINGS = frozenset(
    """dict collections.OrderedDict collections.defaultdict collections.Counter
    cachetools.TTLCache cachetools.LRUCache cachetools.LFUCache cachetools.Cache""".split()
)
KNOWN_CONTAINERS = frozenset(CONTAINERS.values()) | {"tuple", "generator", "frozenset"}
IMMUTABLE = frozenset({"tuple", "frozenset", "generator"})

ATOMIC_METHODS = frozenset(
    """append appendleft pop popleft popitem add discard remove setdefault clear update extend
    get insert copy keys values items reverse move_to_end put put_nowait get_nowait""".split()
)

METHODS: dict[str, Kind] = {
    "get": READ,
    "__getitem__": READ,
    "index": READ,
    "count": READ,
    "copy": READ,
    "most_common": ITERATE,
    "elements": ITERATE,
    "issubset": TEST,
    "issuperset": TEST,
    "isdisjoint": TEST,
    "__contains__": TEST,
    "__len__": TEST,
    "union": READ,
    "difference": READ,
    "intersection": READ,
    "symmetric_difference": READ,
    "join": ITERATE,
    "append": WRITE,
    "appendleft": WRITE,
    "add": WRITE,
    "insert": WRITE,
    "extend": WRITE,
    "extendleft": WRITE,
    "update": WRITE,
    "clear": WRITE,
    "reverse": UPDATE,
    "sort": UPDATE,
    "rotate": UPDATE,
    "remove": UPDATE,
    "discard": WRITE,
    "pop": UPDATE,
    "popleft": UPDATE,
    "popitem": UPDATE,
    "setdefault": UPDATE,
    "subtract": UPDATE,
    "move_to_end": UPDATE,
    "difference_update": UPDATE,
    "intersection_update": UPDATE,
    "symmetric_difference_update": UPDATE,
    "setlist": WRITE,
    "poplist": UPDATE,
    "__setitem__": WRITE,
    "__delitem__": WRITE,
    "expire": UPDATE,
}
VERBS = frozenset("add append appendleft extend remove discard pop popleft clear".split())
"""What a class that nobody knows does to a container of its own, if it is one."""
ADDING = frozenset("append appendleft add insert extend extendleft put put_nowait".split())
VIEWS = frozenset({"items", "values", "keys", "iteritems", "itervalues", "iterkeys"})
KEYED = frozenset(
    """get pop setdefault __getitem__ __setitem__ __delitem__ remove discard move_to_end index add
    __contains__""".split()
)

LOCKS = frozenset(
    """threading.Lock threading.RLock threading.Semaphore threading.BoundedSemaphore
    threading.Condition multiprocessing.Lock multiprocessing.RLock multiprocessing.Semaphore
    multiprocessing.BoundedSemaphore multiprocessing.Condition asyncio.Lock asyncio.Semaphore
    asyncio.Condition asyncio.BoundedSemaphore _thread.allocate_lock _thread.RLock
    thread.allocate_lock gevent.lock.RLock
    gevent.lock.Semaphore gevent.lock.BoundedSemaphore eventlet.semaphore.Semaphore
    anyio.Lock dummy_threading.Lock threading._RLock""".split()
)
NAMED_LOCKS = frozenset(
    """FileLock SoftFileLock UnixFileLock InterProcessLock InterProcessReaderWriterLock RedLock
    Redlock AdvisoryLock LockFile MkdirLockFile ReaderWriterLock RWLock RWLockFair RWLockRead
    RWLockWrite PIDLockFile TimeoutLock ProcessLock ILock NamedAtomicLock""".split()
)
"""Classes of locks that a library makes, by the last part of their names."""
LOCKING_METHODS = frozenset(
    """lock read_lock write_lock gen_rlock gen_wlock reader writer advisory_lock mutex rlock wlock
    acquire_lock get_lock r_locked w_locked reading writing locked lock_read lock_write""".split()
)
"""Methods of outside objects that return a lock to be entered."""
TAKING = frozenset({"acquire", "acquire_read", "acquire_write", "__enter__", "acquire_lock"})
GIVING = frozenset({"release", "release_read", "release_write", "__exit__", "release_lock"})

SYNCHRONISED = frozenset(
    """queue.Queue queue.LifoQueue queue.PriorityQueue queue.SimpleQueue multiprocessing.Queue
    multiprocessing.JoinableQueue multiprocessing.SimpleQueue threading.Event threading.Barrier
    asyncio.Queue asyncio.Event itertools.count gevent.queue.Queue gevent.event.Event
    persistqueue.Queue""".split()
)
"""What does each operation in one step, whoever calls."""

OWN_WORLD = frozenset(
    """instep redis valkey fakeredis pymongo motor sqlalchemy flask_sqlalchemy peewee mongoengine
    logging prometheus_client diskcache boto3 botocore google azure structlog loguru opentelemetry
    sentry_sdk flask_login flask_wtf wtforms flask_migrate flask_bcrypt flask_mail flask_cors
    flask_marshmallow marshmallow flask_babel flask_assets flask_admin flask_jwt_extended celery
    rq kombu dramatiq huey itsdangerous jinja2 werkzeug re logzero statsd datadog pydantic
    flask_restful flask_restx flask_smorest flask_limiter flask_talisman flask_mongoengine pony
    tortoise elasticsearch kafka lmdb plyvel multiprocessing marshmallow_sqlalchemy argparse
    datetime decimal pathlib string typing enum abc""".split()
)
"""Libraries that look after what is theirs: a database, a registry, a log."""

LOADED = frozenset({"load", "loads", "safe_load", "read_csv", "DataFrame", "dict", "fromkeys"})
"""The last names of what makes a container of what it is given."""
CLOSED = SYNCHRONISED | LOCKS | {"file", "path", "flask.Flask", "flask.g", "contextmanager"}
"""What never holds things that nobody has seen it being given."""

PLAIN = ("google.protobuf.",)
"""Parts of such libraries whose objects are as plain as a dictionary."""

WATCHED = frozenset({"sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session"})
"""What they make that is still for one thread at a time."""

ORM_BASES = frozenset(
    """Model Document DeclarativeBase EmbeddedDocument DynamicDocument Entity JsonModel HashModel
    SQLModel SerializerMixin UserMixin FlaskForm Form Schema SQLAlchemySchema SQLAlchemyAutoSchema
    BaseForm ModelSchema ModelView BaseModelView""".split()
)
"""Bases, by their last name, whose instances the database or the request owns."""
BASE_MAKERS = frozenset({"declarative_base", "automap_base", "make_declarative_base"})

EMITTING = frozenset(
    """flask_socketio.emit flask_socketio.send flask_socketio.SocketIO.emit
    flask_socketio.SocketIO.send socketio.Server.emit socketio.Server.send""".split()
)
"""An event that is sent is an answer, though nothing returns it."""

FACTS = frozenset(
    """builtins.int builtins.str builtins.float builtins.bool builtins.bytes builtins.complex
    builtins.round builtins.abs builtins.hash builtins.ord builtins.chr builtins.repr
    builtins.len builtins.format builtins.hex builtins.divmod builtins.pow builtins.id
    builtins.isinstance builtins.issubclass builtins.callable builtins.hasattr builtins.input
    time.time time.monotonic time.perf_counter datetime.datetime.now datetime.datetime.utcnow
    datetime.date.today""".split()
)
"""Calls whose result is a plain value."""
SIZED = frozenset({"builtins.len", "builtins.bool"})
ITERATING = frozenset(
    """builtins.list builtins.tuple builtins.set builtins.frozenset builtins.sorted builtins.sum
    builtins.min builtins.max builtins.any builtins.all builtins.enumerate builtins.zip
    builtins.map builtins.filter builtins.reversed builtins.iter builtins.dict
    collections.OrderedDict collections.Counter itertools.chain copy.copy copy.deepcopy json.dumps
    json.dump flask.jsonify flask.json.dumps flask.json.jsonify flask.render_template
    flask.render_template_string flask.make_response random.choice random.sample itertools.islice
    functools.reduce jsonify render_template bottle.template flask.stream_with_context
    simplejson.dumps orjson.dumps ujson.dumps pickle.dumps pickle.dump heapq.nlargest
    heapq.nsmallest statistics.mean math.fsum yaml.dump pprint.pformat""".split()
)
AT_ONCE = frozenset(
    """list tuple set frozenset sorted sum min max dict OrderedDict Counter copy jsonify
    dumps""".split()
)
"""Walks through a container in one step of the interpreter."""
KEEPING = frozenset(
    """builtins.list builtins.tuple builtins.set builtins.sorted builtins.enumerate builtins.zip
    builtins.reversed builtins.iter builtins.filter builtins.dict collections.OrderedDict
    copy.copy itertools.chain itertools.islice builtins.frozenset""".split()
)
"""Calls that return a new container of the same elements."""
PICKING = frozenset(
    "builtins.next builtins.min builtins.max random.choice builtins.sum builtins.getattr".split()
)
"""Calls that return one of the elements."""
HEAPS = frozenset({"heapq.heappush", "heapq.heappop", "heapq.heapify", "bisect.insort"})

SYNCHRONOUS = frozenset(
    """builtins.sorted builtins.map builtins.filter builtins.max builtins.min functools.reduce
    re.sub itertools.groupby itertools.takewhile itertools.dropwhile asyncio.run
    asyncio.get_event_loop.run_until_complete itertools.starmap""".split()
)
"""Calls that call the functions they are given, here and now."""

SECRETS = frozenset(
    """secrets.token_hex secrets.token_bytes secrets.token_urlsafe os.urandom uuid.uuid4 uuid.uuid1
    random.random random.randint random.getrandbits random.choice random.choices random.SystemRandom
    secrets.choice secrets.randbelow Crypto.Random.get_random_bytes binascii.hexlify
    cryptography.fernet.Fernet.generate_key random.sample random.randbytes
    string.ascii_letters""".split()
)
