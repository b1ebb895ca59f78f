"""What an error page says for each status: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from shared.i18n.marks import N_

ERRORS: Mapping[int, tuple[str, str, str]] = {
    400: (
        N_("This request cannot be understood"),
        N_("Something in it is missing or not as expected. Nothing was changed."),
        N_("Go back, check what you entered and try again."),
    ),
    401: (
        N_("You are not signed in"),
        N_("Your session has ended, or has not begun yet."),
        N_("Sign in and try again."),
    ),
    403: (
        N_("You may not do this"),
        N_("Your account does not have the role that this needs."),
        N_("Ask an administrator for the role, or sign in with another account."),
    ),
    404: (
        N_("There is nothing here"),
        N_("The address is not one of ours, or what it led to was removed."),
        N_("Check the address, or start again from the first page."),
    ),
    405: (
        N_("This address cannot be opened this way"),
        N_("It only takes a form from one of our pages."),
        N_("Go back and use the button on the page."),
    ),
    413: (
        N_("This is too much at once"),
        N_("What was sent is larger than a form can be. Nothing was changed."),
        N_("Go back and shorten the text."),
    ),
    409: (
        N_("This does not fit the current state"),
        N_("Something has changed since the page was opened. Nothing was changed by you."),
        N_("Reload the page and decide again."),
    ),
    429: (
        N_("Too many tries"),
        N_("There were too many requests in a short time."),
        N_("Wait a minute and try again."),
    ),
    500: (
        N_("Something went wrong on our side"),
        N_("The error was recorded."),
        N_("Try again. If it goes on, tell us the time and the reference on this page."),
    ),
    503: (
        N_("The service is not available right now"),
        N_("A part that it needs is away. It goes on by itself as soon as that part is back."),
        N_("Wait a moment and reload the page."),
    ),
}


def error_texts(status: int) -> tuple[str, str, str]:
    """A status that is not in the table is told like its class."""
    return ERRORS.get(status) or ERRORS[500 if status >= 500 else 400]
