"""Numbers as people write them: what text is one, and what of it PostgreSQL holds."""

import re
from decimal import Decimal

from ingest.declared import Mapping
from ingest.normalize.verdict import Text, refuse, shown

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
# Points part thousands and nothing else: 1.5 would be 15 otherwise.
DECIMAL_COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?([eE][-+]?\d{1,4})?", re.ASCII)
MONEY = re.compile(
    r"([-+]?)\s*(?:[A-Z]{3}\s*)?[$€£¥]?\s*([-+]?[\d.,]+)\s*([kKmMbBtT]?)\s*(?:[A-Z]{3}|[$€£¥])?", re.ASCII
)
SCALE = {"": "", "k": "e3", "m": "e6", "b": "e9", "t": "e12"}
GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)

# numeric holds more, but a nine-byte literal could then fill megabytes: 1e131071.
MOST_DIGITS = 1000
MOST_INTEGER_DIGITS = 19


class DecimalText(Text):
    """An exact number. Never a float on the way."""

    def parse(self, text: str) -> Decimal:
        plain = number_text(text, self.mapping)
        if not NUMBER.fullmatch(plain):
            raise refuse("not_a_number", f"is not a number: {shown(text)}")
        value = Decimal(plain)
        if value and (abs(value.adjusted()) > MOST_DIGITS or len(value.as_tuple().digits) > MOST_DIGITS):
            raise refuse("out_of_range", f"has more than {MOST_DIGITS} digits: {shown(text)}")
        # 0e9999 is a zero, not ten thousand of them.
        return value or Decimal(0)


def number_text(text: str, mapping: Mapping) -> str:
    """Rewrite money and decimal commas into a plain number. What comes of other text is no number either."""
    if mapping.money:
        text = _without_currency(text, mapping)
    if not mapping.decimal_comma:
        return text
    return text.replace(".", "").replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else ""


def _without_currency(text: str, mapping: Mapping) -> str:
    found = MONEY.fullmatch(text.strip())
    if not found:
        return text
    sign, number, scale = found.groups()
    if not mapping.decimal_comma and GROUPED.fullmatch(number):
        number = number.replace(",", "")
    return sign + number + SCALE[scale.lower()]


class IntegerText(Text):
    """A whole number that fits bigint."""

    def parse(self, text: str) -> int:
        plain = number_text(text, self.mapping)
        if not INTEGER.fullmatch(plain):
            raise refuse("not_an_integer", f"is not a whole number: {shown(text)}")
        # Python refuses to read more than 4,300 digits, leading zeros included.
        digits = plain.partition(".")[0].lstrip("+-0") or "0"
        value = int(digits[: MOST_INTEGER_DIGITS + 1]) * (-1 if plain.startswith("-") else 1)
        if not -(2**63) <= value < 2**63:
            raise refuse("out_of_range", f"does not fit a 64-bit integer: {shown(text)}")
        return value


class FloatText(Text):
    """A double precision number; -0 is 0, and neither NaN nor infinity is a number."""

    def parse(self, text: str) -> float:
        plain = number_text(text, self.mapping)
        if not NUMBER.fullmatch(plain):
            raise refuse("not_a_number", f"is not a number: {shown(text)}")
        value = float(plain)
        if value in (float("inf"), float("-inf")):
            raise refuse("out_of_range", f"does not fit double precision: {shown(text)}")
        return value or 0.0
