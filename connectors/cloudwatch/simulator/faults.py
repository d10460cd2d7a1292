"""The errors that the simulated service answers with."""

from __future__ import annotations


class ServiceFault(Exception):
    """An error answer: `code` is the exception's name in the service model."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceFault:
    return ServiceFault("InvalidParameterException", message)


def not_found(what: str) -> ServiceFault:
    return ServiceFault("ResourceNotFoundException", f"The specified {what} does not exist.")


def already_exists(what: str) -> ServiceFault:
    return ServiceFault("ResourceAlreadyExistsException", f"The specified {what} already exists")
