"""Amounts of money as integers: nanodollars (1e-9 US dollar) for amounts, picodollars (1e-12) for prices of one unit.

Dollars and cents exist at the edges only, as texts and JSON numbers; every conversion is exact or raises ValueError.
A double holds a text's value only up to 2^53 nanodollars, about 9 million dollars: larger amounts are sent as text.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final

NANOS: Final = 1_000_000_000
"""Nanodollars of a dollar."""
_PICOS: Final = 1000
"""Picodollars of a nanodollar."""
_HALF_NANO: Final = _PICOS // 2
_NANOS_OF_CENT: Final = NANOS // 100
LARGEST: Final = 2**63 - 1
"""Nanodollars that a 64-bit column holds: about 9.2 billion dollars."""
LARGEST_IN_DOUBLES: Final = 9_000_000 * NANOS
"""Nanodollars that a store may compare that computes with doubles (Redis's Lua): 2^53 of them, rounded down."""

MOST_CHARGED: Final = 1_000_000 * NANOS
"""Nanodollars that a request is charged at most: no request costs a million dollars, a price that was mistyped may say
so, and sums of what is more would not fit into any column."""

_MOST_PICOS: Final = MOST_CHARGED * _PICOS

_EXACT: Final = Context(prec=400)
"""Digits of a product: no text that is read has as many."""
_LONGEST: Final = 330
"""Characters of a number that is read, the largest double's included."""
_TOO_LARGE: Final = "it is too large: amounts end at 9.2 billion dollars"

Number = int | float | Decimal | str


def nanos_from_dollars(dollars: Number) -> int:
    """Dollars as nanodollars: ``0.5`` is 500,000,000. Raises ValueError for anything but a whole number of nanodollars,
    and beyond ``LARGEST``. A float counts as its shortest decimal text, so ``0.1`` is exactly a tenth."""
    exact = _EXACT.multiply(_decimal(dollars), Decimal(NANOS))
    nanos = int(exact)
    if nanos != exact:
        raise ValueError("expected at most 9 decimals of a dollar")
    if abs(nanos) > LARGEST:
        raise ValueError(_TOO_LARGE)
    return nanos


def picos_from_dollars(dollars: Number) -> int:
    """A price in dollars as picodollars, rounded half-even: prices have more digits than a picodollar shows."""
    return _rounded(_decimal(dollars), NANOS * _PICOS)


def picos_from_cents(cents: Number) -> int:
    """A price in cents as picodollars, rounded half-even."""
    return _rounded(_decimal(cents), _NANOS_OF_CENT * _PICOS)


def picos_from_dollars_per_million(dollars: Number) -> int:
    """A price in dollars for a million units as picodollars a unit, rounded half-even."""
    return _rounded(_decimal(dollars), _PICOS * NANOS // 1_000_000)


def nanos_settled(picos: int) -> int:
    """A sum in picodollars as nanodollars, rounded half-even: how a charge is settled, up to ``MOST_CHARGED``."""
    if picos > _MOST_PICOS:
        return MOST_CHARGED
    whole, rest = picos // _PICOS, picos % _PICOS
    return whole + (rest > _HALF_NANO or (rest == _HALF_NANO and whole % 2 == 1))


def nanos_reserved(picos: int) -> int:
    """A sum in picodollars as nanodollars, rounded up: how an estimate is reserved, up to ``MOST_CHARGED``."""
    return -(-picos // _PICOS) if picos < _MOST_PICOS else MOST_CHARGED


def dollars_text(nanos: int) -> str:
    """Nanodollars as dollars, exact and without needless digits: ``12``, ``0.5``. The text is a JSON number, too."""
    return dollars_fixed(nanos).rstrip("0").rstrip(".")


def dollars_fixed(nanos: int) -> str:
    """Nanodollars as dollars with nine decimals, as headers say them: ``0.500000000``."""
    whole, rest = divmod(abs(nanos), NANOS)
    return f"{'-' if nanos < 0 else ''}{whole}.{str(rest).zfill(9)}"


def dollars_number(nanos: int) -> int | float:
    """Nanodollars as a JSON number in dollars: an integer when whole. Exact up to 8 million dollars;
    ``dollars_text`` is exact at any size."""
    whole, rest = divmod(nanos, NANOS)
    return nanos / NANOS if rest else whole


def _rounded(number: Decimal, unit: int) -> int:
    return int(_EXACT.multiply(number, Decimal(unit)).to_integral_value(ROUND_HALF_EVEN, _EXACT))


def _decimal(number: Number) -> Decimal:
    """The exact value of a number. Raises ValueError if it is none, not finite, or absurdly long."""
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal | str):
        raise ValueError("expected a number")  # noqa: TRY004 (all that is wrong with a number is one error)
    if isinstance(number, int) and abs(number) > LARGEST:
        raise ValueError(_TOO_LARGE)
    text = str(number)
    if len(text) > _LONGEST:
        raise ValueError(f"expected a number of at most {_LONGEST} characters")
    try:
        decimal = Decimal(text)
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not decimal.is_finite() or not -_LONGEST < decimal.adjusted() < _LONGEST:
        raise ValueError("expected a finite number")
    return decimal
