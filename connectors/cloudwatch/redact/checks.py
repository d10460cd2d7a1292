"""What tells a secret from digits that only look like one. Pure."""

from __future__ import annotations

_CARD_DIGITS = range(13, 20)
_LONG_ENOUGH = 20


def is_card(text: str) -> bool:
    """Luhn's check digit, over the digits alone; one digit again and again is none."""
    digits = [int(character) for character in text if character.isdigit()]
    if len(digits) not in _CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_bank_account(text: str) -> bool:
    """The check digits of an IBAN (ISO 7064, modulo 97)."""
    compact = text.replace(" ", "")
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def is_social_security_number(text: str) -> bool:
    """Numbers of the United States that were ever given out."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def looks_random(text: str) -> bool:
    """Rather than a word of a sentence."""
    return len(text) >= _LONG_ENOUGH or any(character.isdigit() for character in text)
