"""Which classes a codec knows, by which name, and what it says of those that it cannot keep."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from instep.codec import Codec
from instep.errors import Misuse, StoreError
from test_state import Handmade, Item, Order, Plain


def test_refusal_names_the_attribute_path() -> None:
    """The message leads through attributes, keys and indexes to the value at fault."""
    codec = Codec()
    codec.declare(Item)
    cart = Plain({"a": [1, 2, Item("x")]})
    cart.param["a"][2].socket = threading.Lock()
    with pytest.raises(Misuse) as caught:
        codec.shape(Plain).dump(cart, None, "cart")
    assert str(caught.value).startswith("cart.param['a'][2].socket is of type _thread.lock, ")
    assert "resource" in str(caught.value)


def test_refusal_inside_a_state_of_its_own() -> None:
    """What `__getstate__` returned is named as such."""
    instance = Handmade()
    instance.kept = [len]
    with pytest.raises(Misuse, match=r"it\.__getstate__\(\)\[1\]\[0\] is of type builtin"):
        Codec().shape(Handmade).dump(instance, None, "it")


def test_error_of_a_state_method_reaches_the_caller() -> None:
    """An exception of the program's own is not dressed up as ours, however deep it was raised."""

    class Failing:
        def __getstate__(self) -> Any:
            raise TypeError("mine")

    codec = Codec()
    codec.declare(Failing)
    for state in (Failing(), [Failing()], {1: (Failing(),)}):
        with pytest.raises(TypeError, match="mine"):
            codec.pack(state, "it")


def test_what_is_built_on_c_is_refused_at_declaration() -> None:
    """A class whose insides cannot be seen is refused before anything is lost."""
    for base in (ValueError, threading.local, type(threading.RLock())):
        try:
            cls = type("Built", (base,), {})
        except TypeError:
            continue  # cannot be a base at all
        with pytest.raises(Misuse, match=f"built on .*{base.__name__}"):
            Codec().declare(cls)


@pytest.mark.parametrize("version", ["1", -1, True, 1.0])
def test_version_must_be_an_integer_from_zero(version: Any) -> None:
    """A version that cannot be compared is refused at declaration."""
    with pytest.raises(Misuse, match="__version__"):
        Codec().declare(type("Odd", (), {"__version__": version}))


def named(name: str, module: str) -> type:
    """Return a new class as if it were written in a module."""
    return type(name, (), {"__module__": module})


def test_two_classes_of_one_name_are_refused() -> None:
    """Both would be stored under the same tag, and the message names both and the way out."""
    codec = Codec()
    codec.declare(named("Item", "shop"))
    with pytest.raises(Misuse, match=r"shop\.Item and store\.Item .*__instep_name__"):
        codec.declare(named("Item", "store"))


def test_a_reloaded_class_takes_the_place_of_the_old() -> None:
    """The same class made again by a reload is the same class: what is read is of the newest."""
    codec = Codec()
    old, new = named("Item", "shop"), named("Item", "shop")
    codec.declare(old)
    packed = codec.pack(old(), "it")
    codec.declare(new)
    assert type(codec.unpack(packed)) is new
    assert codec.pack(old(), "it") == packed


def test_annotated_classes_of_one_name_wait_for_a_declaration() -> None:
    """An annotation alone never decides which of two classes owns a name."""
    one, other = named("Item", "shop"), named("Item", "store")
    order = type("Order", (), {"__annotations__": {"a": one, "b": list[other]}})  # type: ignore[valid-type]
    codec = Codec()
    codec.declare(order)
    for cls in (one, other):
        with pytest.raises(Misuse, match="declare"):
            codec.pack(cls(), "it")
    codec.declare(other)
    assert type(codec.unpack(codec.pack(other(), "it"))) is other


def test_two_classes_under_one_name() -> None:
    """A record of one class is not loaded as another, and the message names both."""
    codec = Codec()
    data = codec.shape(Plain).dump(Plain(1), None, "it")
    with pytest.raises(Misuse, match=r"'cart' is of class Plain in the store, but .* declares It"):
        codec.shape(Item).load(data, "'cart'")


def test_the_module_is_no_part_of_the_name() -> None:
    """`python app.py` and `flask run` call the module by two names and find the same state."""
    main, app = (named("Item", module) for module in ("__main__", "app"))
    data = Codec().shape(main).dump(main(), None, "it")
    assert type(Codec().shape(app).load(data)[0]) is app


@pytest.mark.parametrize(
    "data", [b"", b"\x93", b"\x93\xa5Plain\x00", b"\x90", b"\x93\xa5Plain\x00\x01"]
)
def test_a_corrupt_record_is_a_store_error(data: bytes) -> None:
    """Whatever is cut off or is no state at all is refused as corrupt."""
    with pytest.raises(StoreError, match=r"corrupt|is not one of attributes"):
        Codec().shape(Plain).load(data)


def test_declaring_from_many_threads_gives_one_shape() -> None:
    """Threads that declare the same class at once all get the same plan."""
    barrier = threading.Barrier(8)

    def declare(codec: Codec) -> int:
        barrier.wait(60)
        return id(codec.shape(Order))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            for _ in range(50):
                assert len(set(threads.map(declare, [Codec()] * 8))) == 1
    finally:
        sys.setswitchinterval(before)


def test_a_program_run_as_main_and_imported_is_one_class(tmp_path: Any) -> None:
    """A module run as a script that also gets imported makes each class twice: it is still one."""
    (tmp_path / "app.py").write_text(
        "import sys\n"
        "from instep.codec import Codec\n"
        "class Item: pass\n"
        "if __name__ == '__main__':\n"
        "    import app\n"
        "    codec = Codec()\n"
        "    codec.declare(Item, app.Item)\n"
        "    print(app.Item is Item, type(codec.unpack(codec.pack(Item(), 'it'))) is app.Item)\n"
    )
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
