"""What a refusal says on a page: what happened, and what to do next. Programs get the API's detail instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.domain.rules import Refused
from shared.i18n.marks import N_

Say = Callable[[str], str]

TEXTS: Mapping[str, tuple[str, str]] = {
    "switch_running": (
        N_("A switch is running for this customer."),
        N_("Wait for it, send its invitation again, or cancel it first."),
    ),
    "tenant_unresolved": (
        N_("The tenant is not known yet at Microsoft, or belongs to another customer."),
        N_("Look at the tenant below: wait a moment, or correct it with Edit customer."),
    ),
    "already": (
        N_("This way to authenticate is in force already."),
        N_("To claim the token anew use Reinitiate Authentication Flow."),
    ),
    "nothing_to_renew": (N_("There is no token in force to renew."), N_("Use Switch to auth token.")),
    "admin_email_missing": (N_("An administrator of the customer must sign in."), N_("Enter the e-mail address.")),
    "secret_missing": (
        N_("There is no client secret on file."),
        N_("Enter one with Edit customer, or invite an administrator who enters it."),
    ),
    "secret_expired": (
        N_("The client secret on file has expired."),
        N_("Enter a new one with Edit customer, or invite an administrator who enters it."),
    ),
    "switch_stale": (N_("Meanwhile there is another switch."), N_("Look at the current one below and decide again.")),
    "switch_ended": (
        N_("This switch has ended meanwhile."),
        N_("Look at its outcome below; ask for a new one if needed."),
    ),
    "no_switch": (N_("There is no switch."), N_("Ask for one first.")),
    "no_invitation": (
        N_("This switch has no invitation; the stored app registration is being proven."),
        N_("Wait for the outcome."),
    ),
    "nothing_to_validate": (
        N_("There is nothing to validate yet."),
        N_("Enter an app registration, or switch to auth token."),
    ),
    "grant_in_force": (
        N_("A token of this tenant is in force, so the tenant cannot be changed."),
        N_("Switch to App Registration first."),
    ),
    "edition_changed": (
        N_("Somebody changed this customer meanwhile. Nothing was saved."),
        N_("Your values stand below, the present ones beside them. Save again to replace them."),
    ),
    "settings_changed": (
        N_("Somebody changed the settings meanwhile. Nothing was saved."),
        N_("Your values stand below, the present ones beside them. Save again to replace them."),
    ),
    "remind_late": (N_("The reminder would come when the invitation has ended."), N_("Choose fewer days for it.")),
    "removed": (N_("This customer was removed."), N_("Its id cannot be used again; register a new one.")),
    "customer_unknown": (N_("There is no such customer."), N_("Check the address, or look for it in the list.")),
    "idempotency_key_reused": (
        N_("This form was sent before with other values."),
        N_("Open the page again and fill in the form once more."),
    ),
    "too_many_requests": (
        N_("There were too many requests for this customer in the last hour."),
        N_("Wait a while; the administrator gets no more mails until then."),
    ),
    "methods": (
        N_("An auth token needs a sign-in at Microsoft."),
        N_("Choose Sign in with Microsoft or Device code as well."),
    ),
    "role_missing": (
        N_("Your role does not allow this."),
        N_("Ask an administrator of the sign-in service for the role operator or admin."),
    ),
    "batch_unknown": (
        N_("This list of results is no longer kept."),
        N_("The timeline of each customer says what was done."),
    ),
    "bulk_unknown": (
        N_("There is no such bulk switch, or it was long ago."),
        N_("Open the list of bulk switches and choose one."),
    ),
    "bulk_begun": (N_("This bulk switch has begun already."), N_("Look at how far it is below.")),
    "bulk_draft": (N_("This bulk switch has not begun yet."), N_("Look at its rows and begin it below.")),
    "bulk_empty": (N_("No row of the file can be asked."), N_("Correct the file and send it again.")),
    "bulk_ended": (N_("This bulk switch has ended; nobody else is asked."), N_("Begin a new one for other customers.")),
    "bulk_nobody": (N_("Nobody has been invited by this bulk switch yet."), N_("Wait until the first are invited.")),
    "bulk_reminding": (N_("A reminder is on its way already."), N_("Wait until it has ended.")),
    "bulk_heading": (
        N_("The first line does not name the columns customer and admin_email."),
        N_("Write them as the first line, like in the example."),
    ),
    "bulk_csv": (N_("The file is not CSV."), N_("Save it as CSV UTF-8; a cell with quotes needs them doubled.")),
    "bulk_encoding": (N_("The file is not UTF-8."), N_("Save it as CSV UTF-8 and send it again.")),
    "bulk_too_long": (N_("A bulk switch may have 10,000 customers at most."), N_("Split the file.")),
    "row_missing": (N_("No invitation was named."), N_("Open the list again and choose one.")),
    "id_taken": (N_("There is a customer with this id already."), N_("Use another id, or edit that customer.")),
}

DONE: Mapping[str, str] = {
    "added": N_("The customer is registered. Its tenant is being looked up at Microsoft."),
    "saved": N_("The changes are saved."),
    "removed": N_("The customer is removed."),
    "validating": N_("The validation has begun."),
    "switched": N_("The switch has begun."),
    "resent": N_("The invitation is on its way again."),
    "readdressed": N_("The old invitation is withdrawn; a new one is on its way to the other address."),
    "begun": N_("The bulk switch has begun."),
    "paused": N_("Nobody else is asked for now."),
    "resumed": N_("The bulk switch goes on."),
    "stopped": N_("Nobody else is asked. Who was invited stays invited."),
    "reminding": N_("The reminders are on their way."),
    "settings": N_("The settings are saved. They hold for every switch that begins from now on."),
    "cancelled": N_("The switch is cancelled. Nothing was changed."),
    "referred": N_("The reference is saved."),
}


def texts(error: Refused, say: Say) -> tuple[str, str]:
    """What happened, and what to do."""
    found = TEXTS.get(error.code)
    return (say(found[0]), say(found[1])) if found else (error.detail, "")
