"""How the class of a parted app names its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NoReturn, Protocol, TypeVar, cast, overload

from mobility.app import App, Part
from mobility.parts.parted import Parted
from mobility.protocol.session import qualified

__all__ = ["declared", "part"]

A_co = TypeVar("A_co", bound=App, covariant=True)


class _Factory(Protocol[A_co]):
    def __call__(self) -> A_co: ...


class _Declared(Generic[A_co]):
    """A part in the body of a class: the app of a whole, and a `Part` of the class."""

    def __init__(
        self, app: _Factory[A_co], allow: Iterable[str], says: Iterable[str] | None
    ) -> None:
        self._app = app
        self._allow, self._says = allow, says

    def __set_name__(self, owner: type[Parted], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, whole: None, owner: type[Parted]) -> Part: ...
    @overload
    def __get__(self, whole: Parted, owner: type[Parted]) -> A_co: ...
    def __get__(self, whole: Parted | None, owner: type[Parted]) -> Part | A_co:
        if whole is not None:
            return cast(A_co, whole.part(self.name))
        return next(part for part in owner.parts if part.name == self.name)

    def __set__(self, whole: Parted, value: NoReturn) -> NoReturn:
        raise AttributeError(
            f"The part {self.name!r} is made by what part() was given. Change it, "
            "or give part() something else that makes it."
        )

    def of(self, uri: str) -> Part:
        """The part of an app that is called so."""
        says = None if self._says is None else _qualified(self._says, uri)
        return Part(self.name, _qualified(self._allow, uri), self._app, says)


def part(
    app: _Factory[A_co], *, allow: Iterable[str] = (), says: Iterable[str] | None = None
) -> _Declared[A_co]:
    """
    Declare a part, in the body of a `PartedApp`; it is called as the attribute is.

    ``whole.slides`` is then that part there, of its own type, and ``Whole.slides`` is
    its `Part`. A subclass has all parts of its base, and may declare them again.

    Args:
        app: Makes the part, which is a small app of its own.
        allow: Names of the packets that it listens to. Those without a namespace are in
            that of the whole, which is its `uri`.
        says: Names of what it may say, whoever runs it; anything, if None.

    """
    return _Declared(app, allow, says)


def declared(app: type[Parted], taken: Iterable[str]) -> Iterator[Part]:
    """
    What the class of an app, and its bases, declare.

    Raises:
        TypeError: A part is called what means something else, or `parts` is given.

    """
    if "parts" in vars(app):
        raise TypeError(f"{app.__name__} must declare each of its parts by part()")
    found: dict[str, _Declared[App]] = {}
    for each in reversed(app.__mro__):
        found |= {k: it for k, it in vars(each).items() if isinstance(it, _Declared)}
    for name in found:
        if name in taken:
            raise TypeError(
                f"{name!r} means something else in a PartedApp: "
                f"{app.__name__} must call this part otherwise"
            )
        yield found[name].of(app.uri)


def _qualified(names: Iterable[str], uri: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"names of packets are wanted, in a tuple; not {names!r}")
    return tuple(qualified(name, uri) for name in names)
